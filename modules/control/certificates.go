// SPDX-License-Identifier: Apache-2.0

package control

import (
	"cmp"
	"slices"

	"github.com/caddy-passthrough/caddy-passthrough/modules/balancer"
	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/frontend"
	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// Certificate is a certificate that health checks have seen, with the servers that have it.
type Certificate struct {
	*certificates.Certificate
	Servers []CertificateServer
}

// CertificateServer is a server and the last handshake of its checks.
type CertificateServer struct {
	pool.Ref
	*certificates.Seen
}

// CertificateConflict is a name of a certificate that leads to another backend.
type CertificateConflict = certificates.Conflict

// CertificateConflicts returns the names of certificates that frontends route to other backends
// than the one that presents the certificate: browsers may send their requests to the wrong one.
func CertificateConflicts() []CertificateConflict { return frontend.CertificateConflicts() }

// Certificates returns the certificates of the servers whose checks use TLS: those that end first
// come first.
func Certificates() (all []Certificate) {
	known := make(map[*certificates.Certificate]int)
	for _, b := range balancer.Registry().Backends() {
		for i := range b.Servers {
			seen := b.Servers[i].Seen
			if seen == nil {
				continue
			}
			at, ok := known[seen.Own()]
			if !ok {
				at = len(all)
				known[seen.Own()] = at
				all = append(all, Certificate{Certificate: seen.Own()})
			}
			all[at].Servers = append(all[at].Servers, CertificateServer{pool.Ref{Backend: b.Name, Server: b.Servers[i].Name}, seen})
		}
	}
	slices.SortStableFunc(all, func(a, b Certificate) int {
		return cmp.Or(a.NotAfter.Compare(b.NotAfter), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return all
}
