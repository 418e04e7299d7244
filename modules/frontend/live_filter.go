// SPDX-License-Identifier: Apache-2.0

package frontend

import (
	"net/netip"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/tcplog"
)

// LiveFilter says which connections of the process are meant: those that match all fields that are
// set.
type LiveFilter struct {
	Frontend, Backend, Server string
	// Source has the client's address.
	Source netip.Prefix
	// Name is the name that the client asks for, or *.DOMAIN for all names below a domain.
	Name string
	// OlderThan is the least time since accept, IdleFor that since bytes have last passed.
	OlderThan, IdleFor time.Duration

	id uint64
}

// matchesEarly applies the conditions on fields that are known before unpack.
func (f *LiveFilter) matchesEarly(l *Live, now time.Time) bool {
	return (f.id == 0 || f.id == l.ID) &&
		(f.Frontend == "" || f.Frontend == l.Frontend) &&
		(f.Backend == "" || f.Backend == l.Backend) &&
		(f.Server == "" || f.Server == l.Server) &&
		(f.IdleFor == 0 || f.IdleFor <= l.Idle) &&
		(f.OlderThan == 0 || f.OlderThan <= now.Sub(l.Started))
}

// matchesLate applies the other conditions.
func (f *LiveFilter) matchesLate(l *Live) bool {
	return (!f.Source.IsValid() || f.Source.Contains(l.Client.IP())) && (f.Name == "" || matchesName(f.Name, l.Name))
}

// isEarly reports whether matchesLate has no conditions.
func (f *LiveFilter) isEarly() bool { return !f.Source.IsValid() && f.Name == "" }

// matchesName reports whether a name is the one of a filter, or below its domain.
func matchesName(filter, name string) bool {
	if domain, below := strings.CutPrefix(filter, "*"); below && strings.HasPrefix(domain, ".") {
		return len(name) > len(domain) && strings.EqualFold(name[len(name)-len(domain):], domain)
	}
	return strings.EqualFold(filter, name)
}

// unpack sets the fields that are in the record of a session.
func (l *Live) unpack() {
	if l.packed == "" {
		return
	}
	r := tcplog.Unpack(l.packed)
	l.Client, l.Local, l.Name, l.packed = r.Client, r.Local, r.ServerName, ""
	if r.Address != "" {
		l.Address = r.Address
	}
}
