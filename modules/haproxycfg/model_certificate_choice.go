// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"
)

// certificateChoice holds the certificates for clients that ask for some names.
type certificateChoice struct {
	names []string // empty: all other clients
	// certificates are one, two between which the client's algorithms decide, or none: the handshake
	// is refused.
	certificates []*certificate
}

// choices returns the choices of a listener, in the order in which they are made: names, wildcards,
// then the default certificate, which also gets clients without a server name. Nothing is in front
// of the default that does the same.
func (l *tlsListener) choices() []certificateChoice {
	exact, wild, byName := l.namesByKind()
	last := certificateChoice{}
	if !l.strictSNI {
		last.certificates = l.defaults()
	}
	var all []certificateChoice
	differs := false
	for _, names := range [][]string{exact, wild} {
		places := make(map[chosen]int)
		for _, name := range names {
			of := choose(byName, name)
			if of == (chosen{}) && !l.strictSNI {
				of.take(last.certificates[0])
			}
			certificates := of.list()
			differs = differs || !slices.Equal(certificates, last.certificates)
			if at, known := places[of]; known {
				all[at].names = append(all[at].names, name)
				continue
			}
			places[of] = len(all)
			all = append(all, certificateChoice{[]string{name}, certificates})
		}
	}
	if !differs {
		all = nil
	}
	return append(all, last)
}

// namesByKind returns the names and the wildcards of all certificates, in order, and the
// certificates of each.
func (l *tlsListener) namesByKind() (exact, wild []string, byName map[string][]*certificate) {
	byName = make(map[string][]*certificate)
	known := make(map[string]bool)
	for _, c := range l.certificates {
		for _, name := range slices.Concat(c.names, c.not) {
			switch {
			case known[name]:
			case strings.HasPrefix(name, "*."):
				wild = append(wild, name)
			default:
				exact = append(exact, name)
			}
			known[name] = true
		}
		for _, name := range c.names {
			byName[name] = append(byName[name], c)
		}
	}
	return exact, wild, byName
}

// chosen holds the certificates for a name, one for each kind of key.
type chosen struct{ ecdsa, rsa *certificate }

// take adds a certificate, unless there is one with its kind of key.
func (c *chosen) take(one *certificate) {
	to := &c.rsa
	if one.isECDSA {
		to = &c.ecdsa
	}
	if *to == nil {
		*to = one
	}
}

func (c *chosen) list() []*certificate {
	return slices.DeleteFunc([]*certificate{c.ecdsa, c.rsa}, func(one *certificate) bool { return one == nil })
}

// choose returns the certificates for a name: HAProxy takes the first one of each algorithm, and
// ECDSA if the client has it. A wildcard stands for the names that it covers.
func choose(byName map[string][]*certificate, name string) (found chosen) {
	_, parent, _ := strings.Cut(name, ".")
	wildcard := "*." + parent
	for _, candidate := range slices.Compact([]string{name, wildcard}) {
		for _, c := range byName[candidate] {
			if candidate != wildcard || !slices.Contains(c.not, name) {
				found.take(c)
			}
		}
	}
	return found
}

// defaults returns the certificates for all other clients: the first one, unless others are marked.
func (l *tlsListener) defaults() []*certificate {
	for _, c := range l.certificates {
		if c.isDefault {
			return []*certificate{c}
		}
	}
	return l.certificates[:1]
}
