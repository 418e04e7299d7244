// SPDX-License-Identifier: Apache-2.0

package listeners

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// pemOf returns a certificate for names, and its key, in PEM.
func pemOf(t *testing.T, names ...string) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))
}

// TestCoveredNames shows that the validation of a configuration warns of names that are passed
// through although a loaded certificate covers them.
func TestCoveredNames(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "log")
	certificate, key := pemOf(t, "*.covered.test", "covered.test", "one.covered.example")
	loaded, err := json.Marshal([]map[string]string{{"certificate": certificate, "key": key}})
	if err != nil {
		t.Fatal(err)
	}
	var config caddy.Config
	text := fmt.Sprintf(`{
		"admin": {"disabled": true, "config": {"persist": false}}, "storage": {"module": "file_system", "root": %q},
		"logging": {"logs": {"default": {"writer": {"output": "file", "filename": %q}, "level": "WARN"}}},
		"apps": {"tls": {"certificates": {"load_pem": %s}}, "http": {"servers": {"srv0": {
			"listen": ["127.0.0.1:0"], "automatic_https": {"disable": true}, "tls_connection_policies": [{}],
			"listener_wrappers": [{"wrapper": "passthrough", "sites": [
				{"names": ["a.covered.test", "+.two.covered.test", ".covered.test", "covered.example"], "servers": [{"name": "s", "address": "127.0.0.1:1"}]},
				{"names": ["other.test", "x.y.covered.test", "one.covered.example"], "servers": [{"name": "s", "address": "127.0.0.1:1"}]}]}, {"wrapper": "tls"}],
			"routes": [{"match": [{"host": ["www.covered.test"]}]}]}}}}}`, filepath.Join(dir, "state"), file, loaded)
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(&config); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(log)) {
		var entry struct{ Msg, Passthrough string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(entry.Msg, "is valid for a name that is passed through") {
			got = append(got, entry.Passthrough)
		}
	}
	if want := "a.covered.test +.two.covered.test .covered.test one.covered.example"; strings.Join(got, " ") != want {
		t.Errorf("warnings of %q, expected %q\n%s", got, want, log)
	}
}
