// The keyring library for Go behind JSON lines: ../process.ts says what they are.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"rekey.dev/keyring"
)

type rules struct {
	Issuer, Audience *string
	LeewaySeconds    *float64
}

type request struct {
	Op, Name, Dir, Token, Cookie string
	Algorithm, Key               string
	Env                          map[string]string
	Weak                         bool
	Rules                        rules
	Claims                       map[string]any
	TTL                          float64
	Headers                      map[string]string
	Tokens                       []string
}

type answer map[string]any

type opened struct {
	source  keyring.Source
	reports []string
}

var rings = map[string]*opened{}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			panic(err)
		}
		_ = out.Encode(handle(r))
	}
}

func handle(r request) answer {
	if r.Op == "load" || r.Op == "mount" {
		return open(r)
	}
	ring := rings[r.Name]
	tokens, err := keyring.NewTokens(ring.source, rulesOf(r.Rules)...)
	if err != nil {
		return answer{"error": err.Error()}
	}
	switch r.Op {
	case "sign":
		token, err := tokens.Sign(r.Claims, time.Duration(r.TTL*float64(time.Second)))
		if err != nil {
			return answer{"error": err.Error()}
		}
		return answer{"token": token}
	case "verify":
		return verify(tokens, r.Token)
	case "bench":
		start := time.Now()
		for _, token := range r.Tokens {
			if _, refused := tokens.Verify(token); refused != nil {
				panic(refused)
			}
		}
		return answer{"seconds": time.Since(start).Seconds()}
	case "bare":
		return bare(r.Tokens, []byte(r.Key))
	case "http":
		return ask(tokens, r)
	case "info":
		current := ring.source()
		printed := fmt.Sprintf("%v %+v %#v %s %x", current, *current, current.Keys[0], current.Keys, current.Keys)
		return answer{"info": current.Info(), "metric": current.Metric(), "reports": ring.reports, "printed": printed}
	}
	panic(r.Op)
}

func open(r request) answer {
	ring := &opened{reports: []string{}}
	options := []keyring.ReadOption{keyring.OnReload(func(_ *keyring.Keyring, err error) {
		ring.source() // a report may ask for the keys
		if err != nil {
			ring.reports = append(ring.reports, err.Error())
		} else {
			ring.reports = append(ring.reports, "reloaded")
		}
	})}
	if r.Algorithm != "" {
		options = append(options, keyring.Algorithm(r.Algorithm))
	}
	if r.Weak {
		options = append(options, keyring.AllowWeakKeys())
	}
	var err error
	if r.Op == "mount" {
		ring.source, err = keyring.FromFolder(r.Dir, options...)
	} else {
		var read *keyring.Keyring
		read, err = keyring.Read(func(name string) string { return r.Env[name] }, options...)
		ring.source = func() *keyring.Keyring { return read }
	}
	var refused *keyring.Error
	if errors.As(err, &refused) {
		return answer{"variable": refused.Variable, "error": err.Error()}
	}
	rings[r.Name] = ring
	return answer{"ok": true}
}

func rulesOf(r rules) (list []keyring.Rule) {
	if r.Issuer != nil {
		list = append(list, keyring.Issuer(*r.Issuer))
	}
	if r.Audience != nil {
		list = append(list, keyring.Audience(*r.Audience))
	}
	if r.LeewaySeconds != nil {
		list = append(list, keyring.Leeway(time.Duration(*r.LeewaySeconds*float64(time.Second))))
	}
	return list
}

func verify(tokens *keyring.Tokens, token string) answer {
	claims, refused := tokens.Verify(token)
	if refused != nil {
		return answer{"code": refused.Code, "error": refused.Error()}
	}
	return answer{"claims": claims}
}

// bare is with golang-jwt alone, as its own documentation has it.
func bare(tokens []string, key []byte) answer {
	methods := jwt.WithValidMethods([]string{"HS256"})
	parser := jwt.NewParser(methods, jwt.WithLeeway(time.Minute), jwt.WithExpirationRequired())
	start := time.Now()
	for _, token := range tokens {
		if _, err := parser.Parse(token, func(*jwt.Token) (any, error) { return key, nil }); err != nil {
			panic(err)
		}
	}
	return answer{"seconds": time.Since(start).Seconds()}
}

func ask(tokens *keyring.Tokens, r request) answer {
	handler := tokens.Middleware(r.Cookie, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(w).Encode(keyring.Claims(r)["sub"])
	}))
	asked := httptest.NewRequest("GET", "/", nil)
	for name, value := range r.Headers {
		asked.Header.Set(name, value)
	}
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, asked)
	challenge := recorder.Header().Get("WWW-Authenticate")
	return answer{"status": recorder.Code, "challenge": challenge, "body": recorder.Body.String()}
}
