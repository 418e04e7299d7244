// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"slices"
	"strings"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/inprocess"
)

// tlsPolicy is a TLS connection policy of Caddy. An empty list of ALPN turns ALPN off.
type tlsPolicy struct {
	Match       map[string][]string `json:"match,omitempty"`
	Certificate map[string][]string `json:"certificate_selection,omitempty"`
	ALPN        []string            `json:"alpn"`
	Ciphers     []string            `json:"cipher_suites,omitempty"`
	Curves      []string            `json:"curves,omitempty"`
	Oldest      string              `json:"protocol_min,omitempty"`
	Newest      string              `json:"protocol_max,omitempty"`
	DefaultSNI  string              `json:"default_sni,omitempty"`
	FallbackSNI string              `json:"fallback_sni,omitempty"`
	Drop        bool                `json:"drop,omitempty"`
	Clients     *clientCertificates `json:"client_authentication,omitempty"`
}

// clientCertificates holds the settings of Caddy for the certificates of clients.
type clientCertificates struct {
	CA   map[string]any `json:"ca"`
	Mode string         `json:"mode"`
}

// useTLS makes the server listen with the TLS of a bind line, if it has any.
func (s *httpServer) useTLS(b *bindTLS) {
	if b == nil {
		return
	}
	for _, c := range b.listener.choices() {
		p := c.policy()
		if slices.Contains(p.ALPN, "h2") && !slices.Contains(s.Protocols, "h2") {
			s.Protocols = append(s.Protocols, "h2")
		}
		if p.Clients != nil {
			s.StrictSNIHost = new(bool) // as in HAProxy; true is the default with client certificates
		}
		s.TLS = append(s.TLS, p)
	}
}

// policy returns the policy for a choice of certificates.
func (c certificateChoice) policy() tlsPolicy {
	p := tlsPolicy{ALPN: []string{}}
	if len(c.names) > 0 {
		p.Match = map[string][]string{"sni": c.names}
	}
	if len(c.certificates) == 0 {
		p.Drop = true
		return p
	}
	h := c.certificates[0].handshake
	p.ALPN, p.Ciphers, p.Curves, p.Oldest, p.Newest = h.alpn, h.ciphers, h.curves, h.oldest, h.newest
	var tags []string
	for _, one := range c.certificates {
		tags = append(tags, one.tag)
	}
	p.Certificate = map[string][]string{"any_tag": tags}
	if own := c.certificates[0].own; len(c.names) == 0 && len(own) > 0 {
		// Without these, Caddy finds none if another bind has a certificate for the name.
		p.DefaultSNI, p.FallbackSNI = own[0], own[0]
	}
	if h.clientCAs == nil && !h.systemCAs {
		return p
	}
	p.Clients = &clientCertificates{CA: map[string]any{"provider": "file", "pem_files": h.clientCAs}, Mode: "require_and_verify"}
	if h.systemCAs {
		p.Clients.CA = map[string]any{"provider": "system"}
	}
	if h.clientMayHaveNone {
		p.Clients.Mode = "verify_if_given"
	}
	return p
}

// tlsApp is Caddy's app for TLS. As in HAProxy, no OCSP answers are fetched.
type tlsApp struct {
	Certificates map[string][]loadedFile `json:"certificates"`
	NoOCSP       bool                    `json:"disable_ocsp_stapling"`
	Tickets      map[string]bool         `json:"session_tickets,omitempty"`
}

// loadedFile is a certificate that Caddy loads.
type loadedFile struct {
	Certificate string   `json:"certificate"`
	Key         string   `json:"key"`
	Tags        []string `json:"tags"`
}

// emitCertificates returns the app with the certificates of all binds, or nil without any.
// Those with ECDSA come first: of several for a name, Caddy takes the first that the client has.
func (t *translation) emitCertificates() *tlsApp {
	var first, rest []loadedFile
	known := make(map[string]bool)
	for b := range t.activeBinds {
		if b.tls == nil {
			continue
		}
		for _, c := range b.tls.listener.certificates {
			if id := c.tag + c.file; !known[id] {
				known[id] = true
				to := &rest
				if c.isECDSA {
					to = &first
				}
				*to = append(*to, loadedFile{c.file, c.key, []string{c.tag}})
			}
		}
	}
	if len(known) == 0 {
		return nil
	}
	app := &tlsApp{Certificates: map[string][]loadedFile{"load_files": append(first, rest...)}, NoOCSP: true}
	if t.noTickets() {
		app.Tickets = map[string]bool{"disabled": true}
	}
	return app
}

// joinBackend makes a backend pass its connections to the server of the bind that it leads to.
func (t *translation) joinBackend(p *proxy, b *balancer.Backend) {
	for _, front := range t.proxies {
		for i := range front.binds {
			if front.binds[i].tls == p.joined.tls {
				b.Site = strings.TrimPrefix(t.siteOf(front, p.joined.tls), inprocess.Network+"/")
			}
		}
	}
	b.Servers, b.Check, b.BalanceRaw = []*balancer.Server{}, nil, nil
}
