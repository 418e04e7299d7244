// SPDX-License-Identifier: Apache-2.0

package l4clienthello

import (
	"bytes"

	"github.com/mholt/caddy-l4/layer4"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

const varKey = "client_hello_inspection"

// Share makes matchers use i, an inspection of the first bytes of cx, and adds the placeholders of
// its hello to cx. Call it with nil before the inspection is released: otherwise matchers and
// placeholders would read memory that another connection uses.
func Share(cx *layer4.Connection, i *clienthello.Inspection) {
	if cx.GetVar(varKey) == nil {
		cx.Replacer().Map(func(key string) (any, bool) { return placeholder(shared(cx), key) })
	}
	cx.SetVar(varKey, i)
}

// shared returns the connection's inspection, or nil.
func shared(cx *layer4.Connection) *clienthello.Inspection {
	i, _ := cx.GetVar(varKey).(*clienthello.Inspection)
	return i
}

// Inspect returns an inspection of the bytes that cx has read ahead; call it in a matcher only. It
// resumes the connection's inspection. If the connection no longer begins with the inspected bytes,
// it starts a new one: a handler has consumed bytes, or has unwrapped a layer (TLS, PROXY
// protocol).
func Inspect(cx *layer4.Connection) *clienthello.Inspection {
	present := cx.MatchingBytes()
	i := shared(cx)
	if i == nil || !bytes.HasPrefix(present, i.Bytes()) {
		i = clienthello.NewInspection(clienthello.DefaultMaxHello)
		Share(cx, i)
	}
	// Also after the verdict: other matchers may read these bytes.
	if more := present[len(i.Bytes()):]; len(more) > 0 {
		i.Feed(more)
	}
	return i
}
