package keyring

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

type claimsKey struct{}

// Middleware lets requests with a good token through, and answers 401 to all others. The token is in the header
// Authorization: Bearer, and if there is none, in the cookie of that name; with an empty name, cookies are not looked at. A
// cookie needs protection against CSRF besides.
func (t *Tokens) Middleware(cookie string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := findToken(r, cookie)
		if token == "" {
			unauthorized(w, "missing_token")
			return
		}
		claims, refused := t.Verify(token)
		if refused != nil {
			unauthorized(w, refused.Code)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), claimsKey{}, claims)))
	})
}

// Claims returns the claims of the token of a request behind Middleware; nil for any other.
func Claims(r *http.Request) map[string]any {
	claims, _ := r.Context().Value(claimsKey{}).(map[string]any)
	return claims
}

func findToken(r *http.Request, cookie string) string {
	if header, present := r.Header["Authorization"]; present {
		scheme, token, _ := strings.Cut(header[0], " ")
		if !strings.EqualFold(scheme, "Bearer") || strings.Contains(token, " ") {
			return ""
		}
		return token
	}
	if found, err := r.Cookie(cookie); cookie != "" && err == nil {
		return found.Value
	}
	return ""
}

func unauthorized(w http.ResponseWriter, code string) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": code})
}
