package keyring

import (
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Tokens signs and verifies with the keys of a source. Safe for use by several goroutines.
type Tokens struct {
	source           Source
	issuer, audience string
	leeway           time.Duration
}

// Rule is what a token must say besides bearing a good signature.
type Rule func(*Tokens) error

// Issuer is signed as iss, and then required of every token.
func Issuer(issuer string) Rule {
	return func(t *Tokens) error {
		t.issuer = issuer
		return notEmpty("Issuer", "iss", issuer)
	}
}

// Audience is signed as aud, and then required of every token, alone or in a list.
func Audience(audience string) Rule {
	return func(t *Tokens) error {
		t.audience = audience
		return notEmpty("Audience", "aud", audience)
	}
}

// Leeway is the tolerated difference of clocks, up to an hour. Without it a minute, as in rekey (clockSkew).
func Leeway(leeway time.Duration) Rule {
	return func(t *Tokens) error {
		t.leeway = leeway
		if leeway < 0 || leeway > time.Hour {
			return errors.New("Leeway is not a duration from 0 to an hour")
		}
		return nil
	}
}

func notEmpty(name, claim, value string) error {
	if value == "" {
		return fmt.Errorf("%s is empty: leave it out, or set it to the %s of your tokens", name, claim)
	}
	return nil
}

// NewTokens returns an error that names the rule that cannot be used.
func NewTokens(source Source, rules ...Rule) (*Tokens, error) {
	t := &Tokens{source: source, leeway: time.Minute}
	for _, rule := range rules {
		if err := rule(t); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Sign returns a token signed with the signing key. The times and names are those of t, whatever claims says of them.
// ttl is at least a second, and at most maxTokenTTL of the rotation.
func (t *Tokens) Sign(claims map[string]any, ttl time.Duration) (string, error) {
	if ttl < time.Second {
		return "", errors.New("ttl is less than a second")
	}
	keyring := t.source()
	iat := time.Now().Unix()
	all := jwt.MapClaims{}
	for name, value := range claims {
		all[name] = value
	}
	all["iat"], all["exp"] = iat, iat+int64(ttl/time.Second)
	if t.issuer != "" {
		all["iss"] = t.issuer
	}
	if t.audience != "" {
		all["aud"] = t.audience
	}
	token := jwt.NewWithClaims(jwt.GetSigningMethod(keyring.Algorithm), all)
	if id := keyring.Keys[0].ID; id != "" {
		token.Header["kid"] = id
	}
	return token.SignedString(keyring.Keys[0].secret)
}

// Verify returns the claims of a token that any of the keys has signed; else why it is refused. golang-jwt checks
// signatures; what a token must say is checked here, by the same rule in every language.
func (t *Tokens) Verify(token string) (map[string]any, *Refused) {
	keyring := t.source()
	read, refused := readToken(token, keyring.Algorithm)
	if refused != nil {
		return nil, refused
	}
	method := jwt.GetSigningMethod(keyring.Algorithm)
	for _, key := range keyring.inOrder(read.kid) {
		err := method.Verify(read.signed, read.signature, key.secret)
		if errors.Is(err, jwt.ErrSignatureInvalid) {
			continue // only a bad signature moves on to the next key
		}
		if err != nil {
			return nil, malformed("golang-jwt cannot read it")
		}
		if refused := t.checkClaims(read.claims); refused != nil {
			return nil, refused
		}
		return read.claims, nil
	}
	return nil, &Refused{"bad_signature", "no key has signed the token"}
}
