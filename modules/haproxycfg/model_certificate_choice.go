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
	var exact, wild []string
	for _, c := range l.certificates {
		for _, name := range slices.Concat(c.names, c.not) {
			to := &exact
			if strings.HasPrefix(name, "*.") {
				to = &wild
			}
			if !slices.Contains(*to, name) {
				*to = append(*to, name)
			}
		}
	}
	var all []certificateChoice
	for _, names := range [][]string{exact, wild} {
		first := len(all)
		for _, name := range names {
			all = addChoice(all, first, name, l.choose(name))
		}
	}
	last := certificateChoice{}
	if !l.strictSNI {
		last.certificates = l.defaults()
	}
	same := func(c certificateChoice) bool { return slices.Equal(c.certificates, last.certificates) }
	if !slices.ContainsFunc(all, func(c certificateChoice) bool { return !same(c) }) {
		all = nil
	}
	return append(all, last)
}

// addChoice adds a name to the choice of the same certificates, among those from the first on.
func addChoice(all []certificateChoice, first int, name string, certificates []*certificate) []certificateChoice {
	for i := first; i < len(all); i++ {
		if slices.Equal(all[i].certificates, certificates) {
			all[i].names = append(all[i].names, name)
			return all
		}
	}
	return append(all, certificateChoice{[]string{name}, certificates})
}

// choose returns the certificates for a name: HAProxy takes the first one of each algorithm, and
// ECDSA if the client has it. A wildcard stands for the names that it covers.
func (l *tlsListener) choose(name string) []*certificate {
	var ours [2]*certificate
	_, parent, _ := strings.Cut(name, ".")
	wildcard := "*." + parent
	for _, candidate := range slices.Compact([]string{name, wildcard}) {
		for _, c := range l.certificates {
			if !slices.Contains(c.names, candidate) || candidate == wildcard && slices.Contains(c.not, name) {
				continue
			}
			at := 1
			if c.isECDSA {
				at = 0
			}
			if ours[at] == nil {
				ours[at] = c
			}
		}
	}
	found := slices.DeleteFunc(ours[:], func(c *certificate) bool { return c == nil })
	if len(found) == 0 && !l.strictSNI {
		return l.defaults()
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
