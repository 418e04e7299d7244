// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"bytes"
	"strings"

	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

const (
	varKey     = "client_hello_inspection"
	replPrefix = layer4.AppReplPrefix + "client_hello."
)

// Share makes matchers use an inspection that has already been made of what cx
// begins with, and sets the placeholders of its hello.
func Share(cx *layer4.Connection, i *clienthello.Inspection) {
	cx.SetVar(varKey, i)
	if h := i.Hello(); h != nil {
		setPlaceholders(cx, h)
	}
}

// inspect goes on with the connection's inspection where it stopped. Where the
// connection does not begin with what was inspected any more, it begins anew:
// a handler has taken bytes or has unwrapped another layer (TLS, PROXY
// protocol).
func inspect(cx *layer4.Connection) *clienthello.Inspection {
	present := cx.MatchingBytes()
	i, ok := cx.GetVar(varKey).(*clienthello.Inspection)
	if !ok || !bytes.HasPrefix(present, i.Bytes()) {
		i = clienthello.NewInspection(clienthello.DefaultMaxHello)
		Share(cx, i)
	}
	if i.Outcome() != clienthello.Pending {
		return i
	}
	if fresh := present[len(i.Bytes()):]; len(fresh) > 0 && i.Feed(fresh) == clienthello.Found {
		setPlaceholders(cx, i.Hello())
	}
	return i
}

func setPlaceholders(cx *layer4.Connection, h *clienthello.Hello) {
	var protocols []string
	for p := range h.ALPN() {
		protocols = append(protocols, string(p))
	}
	repl := cx.Replacer()
	repl.Set(replPrefix+"sni", string(h.ServerName()))
	repl.Set(replPrefix+"alpn", strings.Join(protocols, ","))
	repl.Set(replPrefix+"version", clienthello.VersionName(h.Version()))
}
