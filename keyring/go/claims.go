package keyring

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

const maxTokenBytes = 8192

// Without padding, white space or the letters of the other alphabet: some libraries skip these, others do not.
var compact = regexp.MustCompile(`^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$`)

// Refused says that a token is not accepted. It has no part of the token.
type Refused struct {
	// Code is malformed, bad_signature, expired or invalid_claims.
	Code    string
	message string
}

func (r *Refused) Error() string { return r.message }

func malformed(what string) *Refused {
	return &Refused{"malformed", "the token is malformed: " + what}
}

func invalid(what string) *Refused {
	return &Refused{"invalid_claims", "the token is not valid: " + what}
}

// uncheckedToken has the right form; nobody has vouched for it yet.
type uncheckedToken struct {
	kid       string // a hint
	claims    map[string]any
	signed    string
	signature []byte
}

// readToken refuses what needs no key: size, form, another algorithm, extensions that one must understand.
func readToken(token, algorithm string) (read uncheckedToken, refused *Refused) {
	if len(token) > maxTokenBytes {
		return read, malformed(fmt.Sprintf("it has over %d bytes", maxTokenBytes))
	}
	if !compact.MatchString(token) {
		return read, malformed("it is not three parts of base64url")
	}
	end := strings.LastIndexByte(token, '.')
	read.signed = token[:end]
	signature, err := base64.RawURLEncoding.Strict().DecodeString(token[end+1:])
	if err != nil {
		return read, malformed("the signature is not canonical")
	}
	read.signature = signature
	first, second, _ := strings.Cut(read.signed, ".")
	header, refused := readPart(first)
	if refused != nil {
		return read, refused
	}
	if header["alg"] != algorithm {
		return read, malformed("its algorithm is not " + algorithm)
	}
	if _, present := header["crit"]; present {
		return read, malformed("its header has crit")
	}
	kid, isText := header["kid"].(string)
	if _, present := header["kid"]; present && !isText {
		return read, malformed("its kid is not a string")
	}
	read.kid = kid
	read.claims, refused = readPart(second)
	return read, refused
}

func readPart(part string) (map[string]any, *Refused) {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil || !utf8.Valid(text) {
		return nil, malformed("a part is not JSON")
	}
	var value map[string]any
	if json.Unmarshal(text, &value) != nil || value == nil {
		return nil, malformed("a part is not a JSON object")
	}
	return value, nil
}

// checkClaims checks the claims of a token whose signature is good.
func (t *Tokens) checkClaims(claims map[string]any) *Refused {
	now, leeway := float64(time.Now().UnixMilli())/1000, t.leeway.Seconds()
	// a token without an end would outlive every retired key
	exp, isNumber := claims["exp"].(float64)
	if !isNumber {
		return invalid("exp is missing or not a number")
	}
	times := map[string]float64{}
	for _, name := range []string{"nbf", "iat"} {
		at, isNumber := claims[name].(float64)
		if _, present := claims[name]; present && !isNumber {
			return invalid(name + " is not a number")
		}
		times[name] = at
	}
	if now-leeway >= exp {
		return &Refused{"expired", "the token has expired"}
	}
	for name, at := range times {
		if at > now+leeway {
			return invalid(name + " is in the future")
		}
	}
	if t.issuer != "" && claims["iss"] != t.issuer {
		return invalid("iss is not the issuer")
	}
	if t.audience != "" && !hasAudience(claims["aud"], t.audience) {
		return invalid("aud is not the audience")
	}
	return nil
}

func hasAudience(claim any, wanted string) bool {
	list, isList := claim.([]any)
	if !isList {
		return claim == wanted
	}
	for _, one := range list {
		if one == wanted {
			return true
		}
	}
	return false
}
