// Package keyring signs JWTs with one shared key, verifies with several, and follows a rotation by rekey.
package keyring

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Key is one key. It can be printed: that shows no byte.
type Key struct {
	// ID is only that of the key that signs, and only where JWT_KEY_ID is set.
	ID string
	// Fingerprint tells keys apart: 16 hexadecimal digits, the same that rekey shows; of a weak key "weak-" and four.
	Fingerprint string
	secret      []byte
}

// Keyring holds the keys of one service at one time. The first signs, all verify.
type Keyring struct {
	// Algorithm is HS256, HS384 or HS512. The header of a token never chooses it.
	Algorithm string
	Keys      []Key
}

// Source returns the newest keyring that could be read. Ask it for each token: keep the function, not the keyring.
type Source func() *Keyring

// Error says that the keys cannot be used. It names the variable and what to do, and has no part of a value.
type Error struct {
	// Variable is such as JWT_SECRET_KEY.
	Variable string
	problem  string
}

func (e *Error) Error() string { return e.problem }

func refuse(variable, where, format string, values ...any) *Error {
	return &Error{variable, where + " " + fmt.Sprintf(format, values...)}
}

// String leaves the bytes out, as do all ways of fmt to print a key.
func (k Key) String() string { return fmt.Sprintf("Key(%s %s)", k.ID, k.Fingerprint) }

// GoString is String.
func (k Key) GoString() string { return k.String() }

// Format is String for every verb.
func (k Key) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(k.String())) }

// newKey makes a key of the bytes of the text, exactly.
func newKey(text, id string) Key {
	secret := []byte(text)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("rekey.dev/fingerprint/v1"))
	digest := hex.EncodeToString(mac.Sum(nil))
	if isGuessable(secret) {
		return Key{id, "weak-" + digest[:4], secret}
	}
	return Key{id, digest[:16], secret}
}

// inOrder returns all keys, those first that the kid of a token points at. It is a hint and excludes none: nobody has
// checked it, and one key can have two ids. One that is not the id of the signing key means a fallback.
func (k *Keyring) inOrder(kid string) []Key {
	signing := k.Keys[0]
	if kid == "" || signing.ID == "" || kid == signing.ID {
		return k.Keys
	}
	return append(append(make([]Key, 0, len(k.Keys)), k.Keys[1:]...), signing)
}
