package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// RFC 7518 section 3.2: an HS256 key has at least 256 bits.
const minKeyBytes = 32

// The reasons for refusing a token: the same words in every example service.
var (
	errBadSignature  = errors.New("bad_signature")
	errExpired       = errors.New("expired")
	errInvalidClaims = errors.New("invalid_claims")
	errMalformed     = errors.New("malformed")
)

// Keyset signs with the first key and accepts every one. The kid helps people who debug; it never chooses a key.
type Keyset struct {
	keys [][]byte
	kid  string
}

// Rules are what a token must say besides bearing a good signature. Empty issuer and audience are not checked.
type Rules struct {
	Issuer, Audience string
	Leeway           time.Duration
}

// ReadKeyset reads JWT_SECRET_KEY, JWT_SECRET_KEY_FALLBACKS and JWT_KEY_ID. The HMAC key is the text itself: nothing
// is trimmed or decoded. KEY_MODE=single leaves the fallbacks out: the fault that tests need, not something to copy.
// Errors name the variable, never the value.
func ReadKeyset(get func(string) string) (*Keyset, error) {
	names, values := []string{"JWT_SECRET_KEY"}, []string{get("JWT_SECRET_KEY")}
	if get("KEY_MODE") != "single" {
		for _, key := range strings.Split(get("JWT_SECRET_KEY_FALLBACKS"), ",") {
			if key != "" {
				names = append(names, fmt.Sprintf("entry %d of JWT_SECRET_KEY_FALLBACKS", len(values)))
				values = append(values, key)
			}
		}
	}
	keyset := &Keyset{kid: get("JWT_KEY_ID")}
	for i, value := range values {
		if value == "" {
			return nil, fmt.Errorf("%s is missing: set it to a key of at least %d bytes", names[i], minKeyBytes)
		}
		if len(value) < minKeyBytes {
			return nil, fmt.Errorf("%s has %d bytes: HS256 needs at least %d (RFC 7518 section 3.2)", names[i], len(value), minKeyBytes)
		}
		keyset.keys = append(keyset.keys, []byte(value))
	}
	return keyset, nil
}

// ReadMounted reads the keyset from the directory where a Secret is mounted, through one resolved ..data link, so that
// two versions are never mixed.
func ReadMounted(version string) (*Keyset, error) {
	return ReadKeyset(func(name string) string {
		if name == "KEY_MODE" {
			return os.Getenv(name)
		}
		text, _ := os.ReadFile(filepath.Join(version, name))
		return string(text)
	})
}

// Sign returns a compact JWS over the claims, signed with the signing key.
func (k *Keyset) Sign(claims map[string]any) string {
	header := map[string]any{"alg": "HS256", "typ": "JWT"}
	if k.kid != "" {
		header["kid"] = k.kid
	}
	body := encode(header) + "." + encode(claims)
	return body + "." + base64.RawURLEncoding.EncodeToString(mac(k.keys[0], body))
}

// Verify returns the claims of a token that any of the keys has signed. A bad signature, and nothing else, moves on to
// the next key.
func (k *Keyset) Verify(token string, rules Rules) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errMalformed
	}
	var header, claims map[string]any
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || decode(parts[0], &header) != nil || decode(parts[1], &claims) != nil {
		return nil, errMalformed
	}
	// Pinned: the header of a token never chooses the algorithm. An extension that we must understand is refused.
	if _, critical := header["crit"]; header["alg"] != "HS256" || critical {
		return nil, errMalformed
	}
	for _, key := range k.keys {
		if hmac.Equal(signature, mac(key, parts[0]+"."+parts[1])) {
			return claims, checkClaims(claims, rules)
		}
	}
	return nil, errBadSignature
}

func checkClaims(claims map[string]any, rules Rules) error {
	now, leeway := float64(time.Now().UnixMilli())/1000, rules.Leeway.Seconds()
	// A token without an end would outlive every retired key.
	exp, ok := claims["exp"].(float64)
	if !ok {
		return errInvalidClaims
	}
	if now-leeway >= exp {
		return errExpired
	}
	if nbf, present := claims["nbf"]; present {
		if at, ok := nbf.(float64); !ok || at > now+leeway {
			return errInvalidClaims
		}
	}
	if rules.Issuer != "" && claims["iss"] != rules.Issuer {
		return errInvalidClaims
	}
	if rules.Audience != "" && !hasAudience(claims["aud"], rules.Audience) {
		return errInvalidClaims
	}
	return nil
}

func hasAudience(claim any, wanted string) bool {
	list, ok := claim.([]any)
	if !ok {
		return claim == wanted
	}
	for _, one := range list {
		if one == wanted {
			return true
		}
	}
	return false
}

func mac(key []byte, body string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(body))
	return h.Sum(nil)
}

func encode(value any) string {
	text, _ := json.Marshal(value) // maps of strings and numbers cannot fail
	return base64.RawURLEncoding.EncodeToString(text)
}

func decode(part string, into any) error {
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
