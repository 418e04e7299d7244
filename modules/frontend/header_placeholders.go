// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"strconv"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/l4acl"
	"github.com/caddy-passthrough/caddy-passthrough/modules/proxyprotocol"
	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// layer4's placeholders of a connection's addresses.
const (
	remoteAddrPlaceholder = "l4.conn.remote_addr"
	localAddrPlaceholder  = "l4.conn.local_addr"
)

// headerPlaceholders is the prefix of the placeholders of the PROXY header.
const headerPlaceholders = "l4.proxy_protocol."

// shareHeader adds the placeholders of the PROXY header that the connection began with, if it did,
// and shows the header to matchers of layer4 that contain others, such as not.
func (c *client) shareHeader() {
	h := c.proxyHeader()
	if h == nil {
		return
	}
	at := l4acl.Addresses(c.Conn)
	l4acl.ShareHeader(c.routed, sample.Input{Header: h, Peer: at.Source, Local: at.Destination})
	peer := c.RemoteAddr().String()
	c.routed.Replacer().Map(func(key string) (any, bool) {
		name, ok := strings.CutPrefix(key, headerPlaceholders)
		if !ok {
			return nil, false
		}
		return headerPlaceholder(h, peer, name)
	})
}

func headerPlaceholder(h *proxyprotocol.Header, peer, name string) (any, bool) {
	switch name {
	case "version":
		return h.Version, true
	case "peer":
		return peer, true
	case "authority":
		return tlvText(h, proxyprotocol.Authority), true
	case "alpn":
		return tlvText(h, proxyprotocol.ALPN), true
	case "unique_id":
		return tlvText(h, proxyprotocol.UniqueID), true
	}
	number, ok := strings.CutPrefix(name, "tlv.")
	of, err := strconv.ParseUint(number, 0, 8)
	if !ok || err != nil {
		return nil, false
	}
	return tlvText(h, byte(of)), true
}

// tlvText returns the value of the first TLV of a type, or "".
func tlvText(h *proxyprotocol.Header, of byte) string {
	value, _ := h.TLV(of)
	return string(value)
}
