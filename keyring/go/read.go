package keyring

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// variables are read from the environment or from files of these names.
var variables = []string{"JWT_SECRET_KEY", "JWT_SECRET_KEY_FALLBACKS", "JWT_KEY_ID", "JWT_ALGORITHM"}

var keyID = regexp.MustCompile(`^[A-Za-z0-9._~:/@+=-]{1,128}$`) // what may be a key id in rekey

const (
	// Shorter, an id may be in a key by chance.
	minTelling = 8
	// Each token with a bad signature is tried with each key.
	maxKeys = 64
	remedy  = `make one with "openssl rand -hex 32"`
)

// ReadOption changes how keys are read.
type ReadOption func(*readSettings)

type readSettings struct {
	algorithm     string
	allowWeakKeys bool
	onReload      func(*Keyring, error)
}

// AllowWeakKeys accepts keys that can be guessed or are publicly known, if they are long enough. Use it until rekey has
// rotated such a key away, and no longer.
func AllowWeakKeys() ReadOption { return func(s *readSettings) { s.allowWeakKeys = true } }

// Algorithm is the one algorithm, for services that pin it in code. JWT_ALGORITHM is not read then.
func Algorithm(algorithm string) ReadOption { return func(s *readSettings) { s.algorithm = algorithm } }

func settingsOf(options []ReadOption) *readSettings {
	settings := &readSettings{onReload: func(*Keyring, error) {}}
	for _, option := range options {
		option(settings)
	}
	return settings
}

// FromEnv reads the variables once: what a process has in its environment changes only with a restart.
func FromEnv(options ...ReadOption) (Source, error) {
	keyring, err := Read(os.Getenv, options...)
	return func() *Keyring { return keyring }, err
}

// Read reads a keyring: JWT_SECRET_KEY signs; it and each entry of JWT_SECRET_KEY_FALLBACKS, separated by commas, verify.
// The key is the text itself: nothing is trimmed or decoded. An empty variable is as good as an absent one. Its errors are
// of the type *Error.
func Read(get func(name string) string, options ...ReadOption) (*Keyring, error) {
	settings := settingsOf(options)
	algorithm, where := settings.algorithm, "Algorithm"
	if algorithm == "" {
		algorithm, where = get("JWT_ALGORITHM"), "JWT_ALGORITHM"
	}
	if algorithm == "" {
		algorithm = "HS256"
	}
	if algorithm != "HS256" && algorithm != "HS384" && algorithm != "HS512" {
		return nil, refuse(where, where, "is not HS256, HS384 or HS512")
	}
	texts := []string{get("JWT_SECRET_KEY")}
	for _, text := range strings.Split(get("JWT_SECRET_KEY_FALLBACKS"), ",") {
		if text != "" {
			texts = append(texts, text)
		}
	}
	if len(texts) > maxKeys {
		name := "JWT_SECRET_KEY_FALLBACKS"
		return nil, refuse(name, name, "has %d keys: at most %d can be tried", len(texts)-1, maxKeys-1)
	}
	for i, text := range texts {
		if err := check(text, i, settings.allowWeakKeys); err != nil {
			return nil, err
		}
	}
	id := get("JWT_KEY_ID")
	if err := checkID(id, texts); err != nil {
		return nil, err
	}
	return &Keyring{algorithm, keysOf(texts, id)}, nil
}

func keysOf(texts []string, id string) []Key {
	keys := []Key{newKey(texts[0], id)}
	for i, text := range texts {
		if !slices.Contains(texts[:i], text) && i > 0 {
			keys = append(keys, newKey(text, ""))
		}
	}
	return keys
}

// checkID refuses an id that has something of a key: everybody can see it.
func checkID(id string, keys []string) error {
	if id == "" {
		return nil
	}
	if !keyID.MatchString(id) {
		return refuse("JWT_KEY_ID", "JWT_KEY_ID", "is not a key id: write at most 128 letters, digits and . _ ~ : / @ + = -")
	}
	for _, key := range keys {
		if strings.Contains(id, key) || (len(id) >= minTelling && strings.Contains(key, id)) {
			return refuse("JWT_KEY_ID", "JWT_KEY_ID", "contains part of a key, and everybody can see an id")
		}
	}
	return nil
}

// check judges entry i of the fallbacks, or for 0 the signing key.
func check(text string, i int, allowWeakKeys bool) error {
	variable, where := "JWT_SECRET_KEY", "JWT_SECRET_KEY"
	if i > 0 {
		variable = "JWT_SECRET_KEY_FALLBACKS"
		where = "entry " + strconv.Itoa(i) + " of " + variable
	}
	switch {
	case text == "":
		return refuse(variable, where, "is missing: set it to a key of at least %d bytes; %s", minKeyBytes, remedy)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, isUnfit):
		return refuse(variable, where, "has white space, a control character or bytes that are not UTF-8: write the key alone")
	case strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]"):
		return refuse(variable, where, "is a list in brackets: write keys with a comma between them and nothing else")
	case len(text) < minKeyBytes:
		const problem = "has %d bytes: HS256 needs at least %d (RFC 7518 section 3.2); %s"
		return refuse(variable, where, problem, len(text), minKeyBytes, remedy)
	case allowWeakKeys:
		return nil
	case isPublic(text):
		return refuse(variable, where, "is publicly known or stands for a key that was never set: %s", remedy)
	case isGuessable([]byte(text)):
		return refuse(variable, where, "can be guessed, it has few different characters or repeats itself: %s", remedy)
	}
	return nil
}

// isUnfit finds white space of any alphabet, control characters, byte order marks, and what stands for bytes that are
// not UTF-8.
func isUnfit(r rune) bool {
	return unicode.In(r, unicode.White_Space, unicode.Z, unicode.Cc) || strings.ContainsRune("\u200b\u2060\ufeff\ufffd", r)
}
