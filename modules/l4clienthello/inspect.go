// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"bytes"

	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

const varKey = "client_hello_inspection"

// Share makes matchers use an inspection that is made of what cx begins with,
// and gives cx the placeholders of its hello. With nil they have none to use:
// so it must be called before the inspection is released.
func Share(cx *layer4.Connection, i *clienthello.Inspection) {
	if cx.GetVar(varKey) == nil {
		cx.Replacer().Map(func(key string) (any, bool) { return placeholder(shared(cx), key) })
	}
	cx.SetVar(varKey, i)
}

// shared is the connection's inspection, or nil.
func shared(cx *layer4.Connection) *clienthello.Inspection {
	i, _ := cx.GetVar(varKey).(*clienthello.Inspection)
	return i
}

// Inspect is the inspection of what cx, a connection in a matcher's hands, has at
// hand. It goes on with the connection's inspection where it stopped. Where the
// connection does not begin with what was inspected any more, it begins anew:
// a handler has taken bytes or has unwrapped another layer (TLS, PROXY
// protocol).
func Inspect(cx *layer4.Connection) *clienthello.Inspection {
	present := cx.MatchingBytes()
	i := shared(cx)
	if i == nil || !bytes.HasPrefix(present, i.Bytes()) {
		i = clienthello.NewInspection(clienthello.DefaultMaxHello)
		Share(cx, i)
	}
	// After the verdict, too: others than this package's matcher may look at them.
	if more := present[len(i.Bytes()):]; len(more) > 0 {
		i.Feed(more)
	}
	return i
}
