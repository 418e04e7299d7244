// SPDX-License-Identifier: Apache-2.0

package haproxy_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// notBuilt are the ways to say that something HAProxy does is not done here, or not yet. "Unknown"
// is not among them: HAProxy knows the word.
var notBuilt = []string{
	"not available", "not supported", "TLS is not terminated here", "HAProxy removed it", "only redirects are translated",
	"the owner of a socket cannot be set", "expected ADDRESS:PORT", "there are no look-around", "a connection cannot change its mode",
	"is out of allowed range (1-100)", "unexpected argument to store option", "expected more than 0", "out of range: expected a number from 0 to 99",
	"out of range: expected a whole number from 1 to 65535",
}

// The files of testdata/refused_here, which HAProxy accepts, use a word named in their first line,
// "# refused: WORD". Our program must not run them as if the word were absent: it refuses them,
// names the word and says that it is not available, or why.
func TestRefusedHere(t *testing.T) {
	program.Path(t) // reports a failed build once
	const folder = "testdata/refused_here"
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "site.pem"), certificate(t, "www.example.test"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range configurations(t, folder, 15) {
		word := header(t, filepath.Join(folder, name), 1, "refused")
		if word == "" {
			t.Errorf("%s: its first line does not say what is refused", name)
			continue
		}
		until := header(t, filepath.Join(folder, name), 2, "until")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			t.Run("haproxy", func(t *testing.T) {
				if version := branchOf(t); newer(version, until) {
					t.Skipf("HAProxy %s refuses it, too", version)
				}
				if v, said := judge(t, dir, name); !v.accepted {
					t.Errorf("HAProxy refuses it:\n%s", said.stderr)
				}
			})
			t.Run("caddy", func(t *testing.T) { isRefused(t, dir, name, word) })
		})
	}
}

func isRefused(t *testing.T, dir, name, word string) {
	accepted, found, said := check(t, dir, name)
	loads(t, dir, name, accepted)
	if accepted {
		t.Errorf("accepted, though %q is not available:\n%s", word, said.stderr)
		return
	}
	if !slices.ContainsFunc(found, func(p problem) bool {
		return strings.Contains(p.message, word) && !strings.Contains(p.message, "unknown") &&
			slices.ContainsFunc(notBuilt, func(s string) bool { return strings.Contains(p.message, s) })
	}) {
		t.Errorf("no error names %q and says that it is not available, or why:\n%s", word, said.stderr)
	}
}

// header returns the n-th line of a file after "# KEY: ", or "".
func header(t *testing.T, file string, n int, key string) string {
	t.Helper()
	value, ok := strings.CutPrefix(comment(t, file, n), key+": ")
	if !ok {
		return ""
	}
	return value
}

// newer reports whether a version of HAProxy is later than the last one with something. An empty
// last means that it is still there.
func newer(version, last string) bool {
	major, minor, ok := strings.Cut(last, ".")
	ownMajor, ownMinor, _ := strings.Cut(version, ".")
	if !ok {
		return false
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n }
	return slices.Compare([]int{number(ownMajor), number(ownMinor)}, []int{number(major), number(minor)}) > 0
}

// certificate returns a certificate of this test's own, with its key, for a bind line with ssl.
func certificate(t *testing.T, host string) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotAfter: time.Now().Add(time.Hour)}
	leaf, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}
