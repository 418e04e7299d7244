// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"strings"
)

const noteKeptConnections = "connections to servers are shared, and kept for 5 s"

// httpServerKeywords are options of a server line that have another meaning in mode http.
var httpServerKeywords = map[string]serverKeyword{
	"ssl":    {grade: supported, do: func(n *server, _ string) error { n.ssl = true; return nil }},
	"no-ssl": {grade: supported, do: func(n *server, _ string) error { n.ssl = false; return nil }},
	"sni":    {grade: supported, do: func(n *server, v string) error { n.sni = v; return nil }},
	"cookie": {grade: ignored, note: noteNoStickiness},
	"proto": {grade: supported, do: func(_ *server, v string) error {
		if v != "h1" {
			return fmt.Errorf("'proto %s': requests go to servers as HTTP/1.1: expected h1", v)
		}
		return nil
	}},
	"ws":               {grade: ignored, note: "requests go to servers as HTTP/1.1, and WebSocket begins with one"},
	"max-reuse":        {grade: ignored, note: noteKeptConnections},
	"pool-low-conn":    {grade: ignored, note: noteKeptConnections},
	"pool-max-conn":    {grade: ignored, note: noteKeptConnections},
	"pool-purge-delay": {grade: ignored, note: noteKeptConnections},
	"pool-conn-name":   {grade: ignored, note: noteKeptConnections},
	"idle-ping":        {grade: ignored, note: noteKeptConnections},
	"no-sni-auto":      {grade: supported},
	"sni-auto":         {grade: supported, do: func(n *server, _ string) error { n.sni = "req.hdr(host)"; return nil }},
}

// finishHTTP applies what follows from ssl.
func (t *translation) finishHTTP(p *proxy, n *server) {
	if !n.ssl || !p.isHTTP() {
		return
	}
	if _, err := sniOf(n.sni); err != nil {
		t.errorf(n.Pos, "'server %s/%s' : %v", p.name, n.Name, err)
	}
	if n.check.on && n.check.Port == 0 && n.check.Address == "" {
		n.check.tls = true // as HAProxy checks such a server
	}
	for name := range strings.SplitSeq(n.tls.alpn.value, ",") {
		if n.tls.alpn.value != "" && !strings.Contains(n.tls.alpn.value, "http/1.1") {
			t.errorf(n.Pos, "'server %s/%s' : 'alpn %s': requests go to servers as HTTP/1.1: expected http/1.1 among the protocols", p.name, n.Name, name)
			return
		}
	}
}

// sniOf returns the server name to send for an expression: a text with placeholders.
func sniOf(expression string) (string, error) {
	name, _, _ := strings.Cut(expression, ",")
	if text, ok := strings.CutPrefix(name, "str("); ok {
		return strings.Trim(strings.TrimSuffix(text, ")"), `"'`), nil
	}
	switch strings.ToLower(name) {
	case "":
		return "", nil
	case "hdr(host)", "req.hdr(host)":
		return "{http.request.host}", nil
	case "ssl_fc_sni":
		return "", nil // no value, since TLS is not terminated here
	}
	return "", fmt.Errorf("'sni %s' is not available: expected str(NAME) or req.hdr(host)", expression)
}
