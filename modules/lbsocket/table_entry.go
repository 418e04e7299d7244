// SPDX-License-Identifier: Apache-2.0

package lbsocket

import (
	"fmt"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/printable"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
	"github.com/caddy-passthrough/caddy-passthrough/modules/tables"
)

// entryPrinter prints the entries of a table.
type entryPrinter struct {
	*request
	table   control.Table
	servers map[string]int // the numbers of servers by name, as far as they are known
	printed int
}

func (p *entryPrinter) print(e stick.Entry) {
	c := p.table.Config()
	expires := 0
	if e.Expires != nil {
		expires = int(*e.Expires * 1000)
	}
	p.printed++ // in place of HAProxy's address
	p.printf("0x%x: key=%s use=%d exp=%d", p.printed, keyText(c, e.Key), e.Uses, expires)
	withServer := false
	for _, v := range stick.Values(c) {
		switch {
		case v.Data == tables.Server:
			withServer = true
			p.printf(" %s=%d", v, p.serverID(e.Server))
		case v.Data.IsRate():
			p.printf(" %s(%d)=%d", v, period(c, v.Data), e.Data[v.String()])
		default:
			p.printf(" %s=%d", v, e.Data[v.String()])
		}
	}
	if withServer {
		name := e.Server
		if name == "" {
			name = "-"
		}
		p.printf(" server_key=%s", name)
	}
	p.request.print("\n")
}

// period returns the period of a rate in milliseconds.
func period(c tables.Config, d tables.Data) int64 {
	for _, s := range c.Store {
		if s.Data == d {
			return s.Period.Milliseconds()
		}
	}
	return 0
}

// serverID returns the number of a server of the table's backend, or 0.
func (p *entryPrinter) serverID(name string) int {
	if name == "" {
		return 0
	}
	id, known := p.servers[name]
	if !known {
		if s, err := control.ServerOf(p.table.Name, name); err == nil {
			id = s.ID
		}
		p.servers[name] = id
	}
	return id
}

// keyText returns a key with HAProxy's escapes.
func keyText(c tables.Config, key string) string {
	switch c.Type {
	case tables.Binary:
		return strings.ToUpper(key)
	case tables.String:
	default:
		return key
	}
	var b strings.Builder
	for _, char := range printable.Bytes(key) {
		switch {
		case strings.IndexByte("\\ =", char) >= 0:
			b.WriteByte('\\')
			b.WriteByte(char)
		case strings.IndexByte("\t\n\r\x1b", char) >= 0:
			b.WriteByte('\\')
			b.WriteByte("tnre"[strings.IndexByte("\t\n\r\x1b", char)])
		case char < ' ' || char > '~':
			fmt.Fprintf(&b, `\x%02X`, char)
		default:
			b.WriteByte(char)
		}
	}
	return b.String()
}
