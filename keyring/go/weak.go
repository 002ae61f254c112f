package keyring

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"regexp"
	"strings"
)

// The same rules as in rekey, but for its dictionary; the same in the libraries for Node and Python.
const (
	// RFC 7518 section 3.2: an HS256 key has at least 256 bits.
	minKeyBytes = 32
	// Far below that of 32 hexadecimal characters at random, far above that of a word that is repeated.
	minEstimatedBits = 80
	maxJudgedBytes   = 256
	maxRead          = 1024
)

var (
	// The whole text stands for something else, in the syntax of a shell, a template, a vault plug-in.
	placeholders = regexp.MustCompile(`^<[^<>]+>$` +
		`|^\$\([^()]+\)$` +
		`|^\$[A-Za-z_][A-Za-z0-9_]*$` +
		`|^%[A-Za-z_][A-Za-z0-9_]*%$` +
		`|^__[A-Za-z0-9_]+__$` +
		`|\$\{[A-Za-z_][A-Za-z0-9_.:-]{2,}\}` +
		`|\{\{.*\}\}` +
		`|^ENC\[` +
		`|^(vault:|op://|ref\+|arn:aws:|file://|projects/)`)
	// Without what stands between the words, in lower case. Long enough not to occur by chance.
	phrases = regexp.MustCompile(`changeme|changethis|changeit|changein|replaceme|replacethis|replacewith|pleasechange` +
		`|mustbechanged|your(own)?(super|jwt|secret|key|very|256|512)|supersecret|mysecret|topsecret|verysecret|secretkey` +
		`|jwtsecret|secretjwt|donotuse|placeholder|examplekey|examplesecret|defaultkey|defaultsecret|dummysecret|testsecret` +
		`|sampleke|insertyour|putyour|enteryour|keyboardcat`)
	randomHex  = regexp.MustCompile(`[0-9a-fA-F]{24}`)
	longRun    = regexp.MustCompile(`[A-Za-z0-9+/]{28,}`)
	notLetters = regexp.MustCompile(`[^a-z0-9]`)
	notDigits  = regexp.MustCompile(`[^0-9]`)
)

// SHA-256 of keys in documentation and tutorials: FastAPI, Spring Boot, Flask, jwt.io, PostgREST.
var publicKeys = map[string]bool{
	"570dad43de1af4c925f92c16a68a50936da42b7dd6fdeb24850507a1199aac89": true,
	"3354cfcf65c7b2e6840ea6f880aede239750cb1d063950c4e8fd9fbf9ec73a32": true,
	"5df73e1aa59d8f332c2f5fd6ea1c37d0f2266b623ea3c4efe6cb3d577fd6a5e1": true,
	"594c081d23de22b178ba34a9c8551fe23d3a7034d92717a5cb4a054337a4c714": true,
	"2598f7d6adc142d88161630f3db12ab2bd3403521c281811e5e1ce60d4ac5d76": true,
	"465d9ad5d5528ebe287b5dce4fb51620833d09b290e49ddcc70ca6c4a0aea01b": true,
	"730d21a80e61a8de82d12cb4c0b8057cff5a30e2dec50ce7a773513374f9164a": true,
	"db6833593279d7373592ef70e51f3daf048c04475739f8ed024b0821fd9e7fde": true,
	"f7d838701b86c5dfb57bf95fbc5ce6df204cfc9f15ad6cdb39fd22f8776e47b6": true,
	"dfd7dc439654f313f3bb7734b467e71d701b6982cd4cb31cf7d555e723c223e9": true,
	"5eef83fe7cb71e2da053f846a07ecf933f49b66ef755ef8627be5e2fe94d7e84": true,
	"fd4dec75abc2df7e4f8776e246ce733d29690230695c4ce8ea7a207eb3a939ab": true,
}

// isPublic says whether the text stands in documentation, or for a key that somebody has yet to put there.
func isPublic(text string) bool {
	digest := sha256.Sum256([]byte(text))
	if publicKeys[hex.EncodeToString(digest[:])] {
		return true
	}
	read := text[:min(len(text), maxRead)]
	if placeholders.MatchString(read) {
		return true
	}
	return !hasRandomPart(read) && phrases.MatchString(notLetters.ReplaceAllString(strings.ToLower(read), ""))
}

// isGuessable says whether the key is short, of few characters, or one short text again and again; an estimate.
func isGuessable(key []byte) bool {
	if len(key) < minKeyBytes {
		return true
	}
	judged := key[:min(len(key), maxJudgedBytes)]
	period := periodOf(judged)
	return bitsOfByte(judged[:period])*float64(period) < minEstimatedBits
}

// hasRandomPart says whether a part was drawn at random, whatever stands before it.
func hasRandomPart(text string) bool {
	if randomHex.MatchString(text) {
		return true
	}
	for _, run := range longRun.FindAllString(text, -1) {
		if len(notDigits.ReplaceAllString(run, "")) >= 3 {
			return true
		}
	}
	return false
}

// periodOf returns how many bytes there are before they come again; all of them if they do not.
func periodOf(data []byte) int {
	for period := 1; period <= len(data)/2; period++ {
		if bytes.Equal(data[period:], data[:len(data)-period]) {
			return period
		}
	}
	return len(data)
}

// bitsOfByte returns Shannon's entropy of one byte, in bits, by how often each occurs.
func bitsOfByte(data []byte) float64 {
	var counts [256]int
	for _, one := range data {
		counts[one]++
	}
	bits := 0.0
	for _, count := range counts {
		if count > 0 {
			share := float64(count) / float64(len(data))
			bits -= share * math.Log2(share)
		}
	}
	return bits
}
