// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/certificates"
	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// Certificates are those of the servers whose checks use TLS.
type Certificates struct {
	// Certificates are sorted by their end, the first that ends first.
	Certificates []Certificate `json:"certificates"`
	// Conflicts are names of these certificates that lead to another backend. Browsers send requests
	// for them to the backend of the certificate over an open HTTP/2 connection (RFC 9113, section
	// 9.1.1).
	Conflicts []CertificateConflict `json:"conflicts"`
}

// CertificateConflict is a certificate of a backend with names that lead elsewhere.
type CertificateConflict struct {
	Frontend string `json:"frontend"`
	Backend  string `json:"backend"`
	// Kept is a name of the certificate that the frontend routes to Backend.
	Kept string `json:"kept"`
	// Names are the first 10 names of the certificate that it routes to RoutedTo, which is a backend,
	// or empty for sites of Caddy; MoreNames is the number of further ones.
	Names       []string `json:"names"`
	MoreNames   int      `json:"more_names,omitempty"`
	RoutedTo    string   `json:"routed_to"`
	Fingerprint string   `json:"fingerprint"`
}

// Certificate is a certificate with the servers that have it.
type Certificate struct {
	CertificateSummary
	// Names are the host names and IP addresses that the certificate is valid for, the first 256;
	// MoreNames is the number of further ones.
	Names     []string `json:"names"`
	MoreNames int      `json:"more_names,omitempty"`
	// CommonName is set if the certificate has no other name. Clients ignore it.
	CommonName string `json:"common_name,omitempty"`
	// Serial is hexadecimal, Key is the kind of the public key.
	Serial string `json:"serial"`
	Key    string `json:"key"`
	// Validity is valid, ends_soon (within 14 days), ended or not_yet_valid. DaysLeft is negative
	// after the end.
	Validity string              `json:"validity"`
	DaysLeft int                 `json:"days_left"`
	Servers  []CertificateServer `json:"servers"`
}

// CertificateSummary identifies a certificate.
type CertificateSummary struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// Fingerprint is the SHA-256.
	Fingerprint string `json:"fingerprint"`
}

// CertificateServer is a server with a certificate, and the last handshake of its checks.
type CertificateServer struct {
	Backend string    `json:"backend"`
	Server  string    `json:"server"`
	SeenAt  time.Time `json:"seen_at"`
	// Verification is verified (chain, name and validity), chain (without the name), not_verified or
	// failed; Problem says why it failed.
	Verification string `json:"verification"`
	Problem      string `json:"problem,omitempty"`
	// Trust is the file of trusted authorities, omitted for those of the system. Root is the authority
	// at the end of the verified chain.
	Trust string `json:"trust,omitempty"`
	Root  string `json:"root,omitempty"`
	// ServerName is the SNI that was sent.
	ServerName string `json:"server_name,omitempty"`
	TLSVersion string `json:"tls_version,omitempty"`
	ALPN       string `json:"alpn,omitempty"`
	// Chain has the certificates that the server sent after its own, at most 7; Sent is the number of
	// all.
	Chain []CertificateSummary `json:"chain"`
	Sent  int                  `json:"sent"`
}

func newCertificates() Certificates {
	now, out := time.Now(), Certificates{Certificates: []Certificate{}, Conflicts: []CertificateConflict{}}
	for _, c := range control.Certificates() {
		out.Certificates = append(out.Certificates, newCertificate(c, now))
	}
	for _, k := range control.CertificateConflicts() {
		out.Conflicts = append(out.Conflicts, CertificateConflict{k.Frontend, k.Backend, k.Kept, k.Names, k.MoreNames, k.Other, k.Fingerprint})
	}
	return out
}

func newCertificate(c control.Certificate, now time.Time) Certificate {
	out := Certificate{
		CertificateSummary: newSummary(c.Certificate), Names: c.Names, MoreNames: c.MoreNames, CommonName: c.CommonName,
		Serial: c.Serial, Key: c.Key, Validity: string(c.ValidityAt(now)), DaysLeft: c.DaysLeft(now), Servers: make([]CertificateServer, 0, len(c.Servers)),
	}
	for _, s := range c.Servers {
		server := CertificateServer{
			Backend: s.Backend, Server: s.Server, SeenAt: s.At, Verification: string(s.Verification), Problem: s.Problem, Trust: s.Trust, Root: s.Root,
			ServerName: s.ServerName, TLSVersion: s.Version, ALPN: s.Protocol, Chain: make([]CertificateSummary, 0, len(s.Chain)-1), Sent: s.Sent,
		}
		for _, link := range s.Chain[1:] {
			server.Chain = append(server.Chain, newSummary(link))
		}
		out.Servers = append(out.Servers, server)
	}
	return out
}

func newSummary(c *certificates.Certificate) CertificateSummary {
	return CertificateSummary{Subject: c.Subject, Issuer: c.Issuer, NotBefore: c.NotBefore, NotAfter: c.NotAfter, Fingerprint: c.Fingerprint}
}
