// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"crypto/sha256"
	"runtime"
	"sync"
	"weak"
)

// fingerprint is the SHA-256 of a certificate.
type fingerprint = [sha256.Size]byte

// sharedCertificates holds each certificate as long as something refers to it.
type sharedCertificates struct {
	mu  sync.Mutex
	all map[fingerprint]weak.Pointer[Certificate]
}

// shared holds the certificates of the process.
var shared sharedCertificates

// add adds a certificate, and returns it, or the one that has been added in the meantime.
func (s *sharedCertificates) add(sum fingerprint, c *Certificate) *Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.all[sum].Value(); known != nil {
		return known
	}
	if s.all == nil {
		s.all = make(map[fingerprint]weak.Pointer[Certificate])
	}
	s.all[sum] = weak.Make(c)
	runtime.AddCleanup(c, s.remove, sum)
	return c
}

// lookup returns the certificate of a fingerprint, or nil.
func (s *sharedCertificates) lookup(sum fingerprint) *Certificate {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[sum].Value()
}

// remove drops a fingerprint whose certificate has been collected.
func (s *sharedCertificates) remove(sum fingerprint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[sum].Value() == nil { // there may be a new one by now
		delete(s.all, sum)
	}
}

// len returns the number of certificates.
func (s *sharedCertificates) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}
