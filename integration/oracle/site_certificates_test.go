// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"
)

// siteFiles returns the certificates of sites, for the option crt: of the authority, each with its
// key, by the name of the file.
var siteFiles = sync.OnceValue(func() map[string]string {
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	other := must(rsa.GenerateKey(rand.Reader, rsaBits))
	files := make(map[string]string)
	for i, c := range []struct {
		file  string
		key   crypto.Signer
		names []string // the first is the common name, too
	}{
		{"a.pem", ec, []string{"a.example"}},
		{"a-rsa.pem", other, []string{"a.example"}},
		{"b.pem", ec, []string{"b.example", "www.b.example"}},
		{"wild.pem", ec, []string{"*.w.example", "w.example"}},
		{"x.pem", ec, []string{"x.w.example"}},
		{"both.pem.ecdsa", ec, []string{"both.example"}},
		{"both.pem.rsa", other, []string{"both.example"}},
		{"ip.pem", ec, []string{"ip.example", "127.0.0.1"}},
		{"certs/10-b.pem", ec, []string{"b.example"}},
		{"certs/20-wild.pem", ec, []string{"*.w.example"}},
	} {
		p := pemOf(authority().issueFor(int64(i)+leafNumber+1, c.key, c.names...))
		files[c.file] = p.certificate + p.key
	}
	files["certs/20-wild.pem.issuer"] = authority().pem
	return files
})

const rsaBits = 2048

// issueFor returns a certificate with some names.
func (i *issuer) issueFor(number int64, key crypto.Signer, names ...string) tls.Certificate {
	var addresses []net.IP
	names = slices.DeleteFunc(names, func(name string) bool {
		ip := net.ParseIP(name)
		if ip != nil {
			addresses = append(addresses, ip)
		}
		return ip != nil
	})
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names, IPAddresses: addresses,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der := must(x509.CreateCertificate(rand.Reader, template, i.cert, key.Public(), i.key))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
