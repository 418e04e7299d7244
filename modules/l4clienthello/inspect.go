// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"bytes"
	"net"
	"strings"

	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

const (
	varKey     = "client_hello_inspection"
	replPrefix = layer4.AppReplPrefix + "client_hello."
)

// inspected is what is kept with a connection: the inspection and the layer of
// the connection that it looked at. Behind a handler that unwraps (TLS, PROXY
// protocol) there is another layer, which may begin with another hello, and a
// handler that has taken bytes leaves others at the beginning.
type inspected struct {
	*clienthello.Inspection
	layer net.Conn
}

// Share makes matchers use an inspection that has already been made of what cx
// begins with.
func Share(cx *layer4.Connection, i *clienthello.Inspection) {
	cx.SetVar(varKey, &inspected{i, cx.Conn})
}

// inspect goes on with the connection's inspection where it stopped.
func inspect(cx *layer4.Connection) *clienthello.Inspection {
	in, ok := cx.GetVar(varKey).(*inspected)
	if !ok || in.layer != cx.Conn || !bytes.HasPrefix(cx.MatchingBytes(), in.Bytes()) {
		in = &inspected{clienthello.NewInspection(0), cx.Conn}
		cx.SetVar(varKey, in)
	}
	if in.Outcome() != clienthello.Pending {
		return in.Inspection
	}
	if fresh := cx.MatchingBytes()[len(in.Bytes()):]; len(fresh) > 0 && in.Feed(fresh) == clienthello.Found {
		setPlaceholders(cx, in.Hello())
	}
	return in.Inspection
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
