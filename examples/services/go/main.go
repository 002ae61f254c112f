// The example service in Go: the same settings, routes and answers as ../node/server.ts.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"rekey.dev/keyring"
)

type service struct {
	name, role string
	ttlSeconds float64
	tokens     *keyring.Tokens
	stopping   atomic.Bool
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot start: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	var bad error
	prestop := toDuration(number("PRESTOP_SECONDS", 0.5, &bad))
	leeway := toDuration(number("JWT_LEEWAY_SECONDS", 60, &bad))
	s := &service{
		name:       setting("SERVICE_NAME", "example"),
		role:       setting("ROLE", "both"),
		ttlSeconds: number("TOKEN_TTL_SECONDS", 3600, &bad),
	}
	if s.role != "signer" && s.role != "verifier" && s.role != "both" {
		bad = errors.Join(bad, errors.New("ROLE is not signer, verifier or both"))
	}
	if bad != nil {
		return bad
	}
	source, err := s.keys()
	if err != nil {
		return err
	}
	if s.tokens, err = keyring.NewTokens(source, rules(leeway)...); err != nil {
		return err
	}
	host := setting("POD_IP", setting("HOST", "0.0.0.0"))
	listener, err := net.Listen("tcp", net.JoinHostPort(host, setting("PORT", "8000")))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.log("listening", "url", "http://"+listener.Addr().String())

	done := make(chan struct{})
	go func() {
		defer close(done)
		terminated := make(chan os.Signal, 1)
		signal.Notify(terminated, syscall.SIGTERM)
		<-terminated
		// Fails the health check, serves on while endpoints are withdrawn, then ends after the last answer.
		s.stopping.Store(true)
		s.log("stopping")
		time.Sleep(prestop)
		_ = server.Shutdown(context.Background())
	}()
	if err := server.Serve(listener); err != http.ErrServerClosed {
		return err
	}
	<-done
	return nil
}

// keys are those of the environment or of a mounted Secret. Weak ones are taken: a service must run with the key that it
// has until rekey has rotated it away.
func (s *service) keys() (keyring.Source, error) {
	options := []keyring.ReadOption{keyring.Algorithm("HS256"), keyring.AllowWeakKeys(), keyring.OnReload(s.reloaded)}
	if directory := os.Getenv("KEYSET_DIR"); directory != "" {
		source, err := keyring.FromFolder(directory, options...)
		return perMode(source), err
	}
	source, err := keyring.FromEnv(options...)
	return perMode(source), err
}

// perMode leaves the fallbacks out where KEY_MODE is single: the fault that tests need, not something to copy.
func perMode(source keyring.Source) keyring.Source {
	if os.Getenv("KEY_MODE") != "single" {
		return source
	}
	return func() *keyring.Keyring {
		only := *source()
		only.Keys = only.Keys[:1]
		return &only
	}
}

func (s *service) reloaded(_ *keyring.Keyring, err error) {
	if err != nil {
		s.log("keyset not reloaded", "error", err.Error())
	} else {
		s.log("keyset reloaded")
	}
}

func rules(leeway time.Duration) []keyring.Rule {
	list := []keyring.Rule{keyring.Leeway(leeway)}
	if issuer := os.Getenv("JWT_ISSUER"); issuer != "" {
		list = append(list, keyring.Issuer(issuer))
	}
	if audience := os.Getenv("JWT_AUDIENCE"); audience != "" {
		list = append(list, keyring.Audience(audience))
	}
	return list
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch route := r.Method + " " + r.URL.Path; {
	case route == "GET /healthz" && s.stopping.Load():
		s.answer(w, 503, map[string]any{"status": "stopping"})
	case route == "GET /healthz":
		s.answer(w, 200, map[string]any{"status": "ok"})
	case route == "POST /auth/token" && s.role != "verifier":
		s.issue(w, r)
	case route == "GET /auth/verify" && s.role != "signer":
		s.verify(w, r)
	default:
		s.answer(w, 404, map[string]any{"error": "not_found"})
	}
}

// issue signs a token for anybody who asks: a real service authenticates the caller first.
func (s *service) issue(w http.ResponseWriter, r *http.Request) {
	query, ttl := r.URL.Query(), s.ttlSeconds
	if query.Has("ttl") {
		wanted, err := strconv.ParseFloat(query.Get("ttl"), 64)
		if err != nil || !(wanted >= 1) {
			s.answer(w, 400, map[string]any{"error": "bad_ttl"})
			return
		}
		// Never above the limit: the time that a retired key stays accepted is counted from it.
		ttl = min(wanted, s.ttlSeconds)
	}
	sub := query.Get("sub")
	if sub == "" {
		sub = s.name + "-user"
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	claims := map[string]any{"sub": sub, "jti": fmt.Sprintf("%x", id)}
	token, err := s.tokens.Sign(claims, toDuration(ttl))
	if err != nil {
		s.log("request failed", "error", err.Error())
		s.answer(w, 500, map[string]any{"error": "internal"})
		return
	}
	s.answer(w, 200, map[string]any{"token": token})
}

func (s *service) verify(w http.ResponseWriter, r *http.Request) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		s.refuse(w, "missing_token")
		return
	}
	claims, refused := s.tokens.Verify(token)
	if refused != nil {
		s.refuse(w, refused.Code)
		return
	}
	s.answer(w, 200, map[string]any{
		"sub": claims["sub"], "jti": claims["jti"], "iat": claims["iat"], "exp": claims["exp"],
	})
}

func (s *service) refuse(w http.ResponseWriter, code string) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	s.answer(w, 401, map[string]any{"error": code})
}

func (s *service) answer(w http.ResponseWriter, status int, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if s.stopping.Load() {
		// A stopping service asks keep-alive clients to go elsewhere, or they would meet a closed connection.
		w.Header().Set("Connection", "close")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *service) log(event string, details ...string) {
	line := map[string]string{"service": s.name, "event": event}
	for i := 0; i+1 < len(details); i += 2 {
		line[details[i]] = details[i+1]
	}
	_ = json.NewEncoder(os.Stdout).Encode(line)
}

func setting(name, fallback string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return fallback
}

// number reads a setting; a bad one is added to bad.
func number(name string, fallback float64, bad *error) float64 {
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value >= 0) {
		*bad = errors.Join(*bad, fmt.Errorf("%s is not a number of zero or more", name))
	}
	return value
}

func toDuration(seconds float64) time.Duration { return time.Duration(seconds * float64(time.Second)) }
