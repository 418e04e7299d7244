// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// pebble is Pebble, the small ACME server of Let's Encrypt, in an island. It validates names at
// ports 80 and 443 of the addresses that the island's DNS server gives.
type pebble struct {
	island *island
	ca     string // the file with the certificate that its API can be verified with
}

// directory is the URL of Pebble's API.
const directory = "https://localhost:14000/dir"

// newPebble builds and starts Pebble.
func newPebble(t *testing.T, n *island) *pebble {
	t.Helper()
	dir, authority := t.TempDir(), newAuthority(t)
	cert, key := authority.issue(t, "localhost", 1)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": "127.0.0.1:14000", "managementListenAddress": "127.0.0.1:15000",
		"certificate": cert, "privateKey": key, "httpPort": 80, "tlsPort": 443,
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(programs.Need(t, "ip"), "netns", "exec", n.name, buildPebble(t, dir), "-config", file, "-dnsserver", "127.0.0.1:53")
	// No delays before validation, no refused nonces, and each name is validated.
	cmd.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Pebble's log:\n%s", log.String())
		}
	})
	n.awaitListener(t, "127.0.0.1:14000")
	n.awaitListener(t, "127.0.0.1:15000")
	return &pebble{island: n, ca: authority.ca()}
}

// buildPebble builds the version that .ci/tools pins. Where that is not possible, the test is
// skipped; in CI it fails.
func buildPebble(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "pebble")
	build := exec.Command("go", "build", "-C", filepath.Join("..", ".ci", "tools"), "-o", path, "github.com/letsencrypt/pebble/v2/cmd/pebble")
	if out, err := build.CombinedOutput(); err != nil {
		skipOutsideCI(t, "building Pebble: ", err, "\n", string(out))
	}
	return path
}

// skipOutsideCI skips the test; in CI, where what it needs must be there, it fails.
func skipOutsideCI(t *testing.T, reason ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason...)
	}
	t.Skip(reason...)
}

// roots returns the certificates that verify what Pebble has issued.
func (p *pebble) roots(t *testing.T) *x509.CertPool {
	t.Helper()
	own, roots := x509.NewCertPool(), x509.NewCertPool()
	pem, err := os.ReadFile(p.ca)
	if err != nil || !own.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s: %v", p.ca, err)
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: own, ServerName: "localhost"},
		DialContext:     func(_ context.Context, _, address string) (net.Conn, error) { return p.island.dial(address) },
	}}
	defer client.CloseIdleConnections()
	answer, err := client.Get("https://127.0.0.1:15000/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if pem, err = io.ReadAll(answer.Body); err != nil || !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("no root in Pebble's answer: %v\n%s", err, pem)
	}
	return roots
}

// awaitListener waits until an address accepts connections.
func (n *island) awaitListener(t *testing.T, address string) {
	t.Helper()
	for over := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		conn, err := n.dial(address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(over) {
			t.Fatal(err)
		}
	}
}
