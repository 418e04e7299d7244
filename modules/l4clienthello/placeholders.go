// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"encoding/hex"
	"strings"

	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

const replPrefix = layer4.AppReplPrefix + "client_hello."

// placeholder returns the value of {l4.client_hello.*}. Without a hello only the outcome is known.
func placeholder(i *clienthello.Inspection, key string) (value any, known bool) {
	name, ours := strings.CutPrefix(key, replPrefix)
	if !ours || i == nil {
		return nil, false
	}
	if name == "outcome" {
		return i.Outcome().String(), true
	}
	h := i.Hello()
	if h == nil {
		return nil, false
	}
	switch name {
	case "sni":
		return string(h.ServerName()), true
	case "alpn":
		return protocols(h), true
	case "version":
		return clienthello.VersionName(h.Version()), true
	case "session_id":
		return hex.EncodeToString(h.SessionID()), true
	case "ja3":
		return i.JA3(), true
	case "ja4":
		return i.JA4(), true
	default:
		return nil, false
	}
}

func protocols(h *clienthello.Hello) string {
	var s strings.Builder
	for protocol := range h.ALPN() {
		if s.Len() > 0 {
			s.WriteByte(',')
		}
		s.Write(protocol)
	}
	return s.String()
}
