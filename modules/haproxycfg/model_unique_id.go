// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
)

// uniqueID is the format of connections' unique IDs.
type uniqueID struct {
	lineFormat
	format string // empty: none, or not available
}

const (
	noteUniqueID = "with an expression that is not available, it is ignored, or refused if a server gets the ID; ignored in mode http"
	noteNoID     = "no server gets the ID, and it has an expression that is not available"
	noteNoHTTPID = "requests are not numbered"
)

// setUniqueID reads "unique-id-format FORMAT".
func setUniqueID(t *translation, p *proxy, s statement) {
	f, err := t.readFullFormat(p, s, s.args[0])
	if err != nil {
		t.errorf(s.Pos, "failed to parse log-format : %v, in %s", err, p)
		return
	}
	if p.uniqueID = (uniqueID{lineFormat: f}); len(f.missing) == 0 {
		p.uniqueID.format = f.text
	}
}

// validateUniqueID reports a format that has no effect.
func (t *translation) validateUniqueID(p *proxy) {
	id := &p.uniqueID
	switch {
	case id.Line == 0 || !p.isHTTP() && len(id.missing) == 0:
	case p.isHTTP():
		t.notice(id.Pos, ignored, noteNoHTTPID, "unique-id-format")
	case t.sendsID(p):
		t.errorf(id.Pos, "'unique-id-format' : %s is not available, in %s", id.missing[0], p)
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
