package keyring

import (
	"fmt"
	"strings"
)

// KeyInfo is what can be shown of a key: never a byte of it.
type KeyInfo struct {
	// Role is current or fallback.
	Role string `json:"role"`
	// KeyID is empty where it is not known: rekey writes the id of the signing key only.
	KeyID       string `json:"kid"`
	Fingerprint string `json:"fingerprint"`
	Algorithm   string `json:"algorithm"`
}

// Info describes each key that is loaded, the one that signs first.
func (k *Keyring) Info() []KeyInfo {
	infos := make([]KeyInfo, len(k.Keys))
	for i, key := range k.Keys {
		role := "fallback"
		if i == 0 {
			role = "current"
		}
		infos[i] = KeyInfo{role, key.ID, key.Fingerprint, k.Algorithm}
	}
	return infos
}

// Metric returns the metric jwt_key_info in the Prometheus text format: 1 for each key that is loaded.
func (k *Keyring) Metric() string {
	var text strings.Builder
	text.WriteString("# HELP jwt_key_info JWT keys that this process has loaded.\n# TYPE jwt_key_info gauge\n")
	for _, i := range k.Info() {
		const line = "jwt_key_info{role=%q,kid=%q,fingerprint=%q,algorithm=%q} 1\n"
		fmt.Fprintf(&text, line, i.Role, i.KeyID, i.Fingerprint, i.Algorithm)
	}
	return text.String()
}
