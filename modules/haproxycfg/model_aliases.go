// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/sample"
)

// aliases maps those aliases of log formats that are expressions, before a connection has ended.
var aliases = map[string]string{
	"ci": "src", "cp": "src_port", "fi": "dst", "fp": "dst_port", "f": "fe_name", "ft": "fe_name", "pid": "pid", "Ts": "date",
}

// readLogFormat reads a format of mode tcp that may contain aliases. It also returns its text with
// expressions in their place, and with absolute file names.
func (t *translation) readLogFormat(text string) (string, *sample.Format, error) {
	return t.readFormat(t.loader, withoutAliases(text))
}

// withoutAliases replaces the aliases that have an expression.
func withoutAliases(text string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name := rest[:len(rest)-len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))]
		switch expression := aliases[name]; {
		case expression != "":
			b.WriteString("%[" + expression + "]")
			text = rest[len(name):]
		case strings.HasPrefix(rest, "%"):
			b.WriteString("%%")
			text = rest[1:]
		default:
			b.WriteString("%")
			text = rest
		}
	}
}
