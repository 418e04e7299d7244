// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// uniqueID is the format of connections' unique IDs.
type uniqueID struct {
	haproxyfile.Pos
	format string // empty: none, or not available
	err    error  // the reason that it is not available
}

const (
	noteUniqueID = "it may have expressions and the aliases %ci, %cp, %fi, %fp, %f, %ft, %pid and %Ts; with others, such as the counter %rt, it is ignored, or refused if a server gets the ID; ignored in mode http"
	noteNoID     = "no server gets the ID, and it has parts that are not available"
	noteNoHTTPID = "requests are not numbered"
)

// setUniqueID reads "unique-id-format FORMAT".
func setUniqueID(t *translation, p *proxy, s statement) {
	if _, err := t.readFullFormat(p, s, s.args[0]); err != nil {
		t.errorf(s.Pos, "failed to parse log-format : %v, in %s", err, p)
		return
	}
	p.uniqueID = uniqueID{Pos: s.Pos}
	format, _, err := t.readLogFormat(s.args[0])
	if err != nil {
		p.uniqueID.err = unavailable(err)
		return
	}
	p.uniqueID.format = format
}

// validateUniqueID reports a format that has no effect.
func (t *translation) validateUniqueID(p *proxy) {
	id := &p.uniqueID
	switch {
	case id.Line == 0 || !p.isHTTP() && id.err == nil:
	case p.isHTTP():
		t.notice(id.Pos, ignored, noteNoHTTPID, "unique-id-format")
	case t.sendsID(p):
		t.errorf(id.Pos, "'unique-id-format' : %v, in %s", id.err, p)
	default:
		t.notice(id.Pos, ignored, noteNoID, "unique-id-format")
	}
}

// sendsID reports whether a server of a frontend's connections gets their unique IDs.
func (t *translation) sendsID(p *proxy) bool {
	return slices.ContainsFunc(t.proxies, func(b *proxy) bool {
		return b.isBackend() && p.leadsTo(b) && slices.ContainsFunc(b.servers, func(n *server) bool { return n.header.sendsID() })
	})
}
