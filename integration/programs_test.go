// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// run runs a program and returns what it prints on both streams.
func run(t testing.TB, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, programs.Need(t, name), args...).CombinedOutput()
	return string(out), err
}

// siteNames are the names that sites have certificates for.
var siteNames = []string{"*.example.test", "other.test"}

// site returns a Caddyfile site that answers "NAME HOST" over HTTPS, with certificates of the
// process's own CA.
func site(name, address string) string {
	_, port, _ := net.SplitHostPort(address)
	var addresses []string
	for _, n := range siteNames {
		addresses = append(addresses, "https://"+n+":"+port)
	}
	return fmt.Sprintf("%s {\n\tbind 127.0.0.1\n\ttls internal\n\trespond \"%s {http.request.host}\"\n}\n", strings.Join(addresses, ", "), name)
}

// ca returns the path of the root certificate that a process made for its sites.
func (p *process) ca() string {
	return filepath.Join(p.dir, "state", "pki", "authorities", "local", "root.crt")
}

// curl requests https://host/ by way of the given address. write is the format of curl's
// --write-out.
func (p *process) curl(t testing.TB, address, host, write string, args ...string) (string, error) {
	t.Helper()
	port := portOf(t, address)
	args = append([]string{
		"--silent", "--show-error", "--max-time", "45", "--cacert", p.ca(), "--write-out", write,
		"--resolve", host + ":" + port + ":127.0.0.1", "https://" + host + ":" + port + "/",
	}, args...)
	return run(t, "curl", args...)
}

// isInOrder reports whether a session of curl or s_client ended as it should. Neither waits long
// for the server's last bytes before it closes: late ones meet a reset (CD).
func (l *logLine) isInOrder() bool { return l.Termination == "--" || l.Termination == "CD" }

// openssl connects with s_client, sends nothing over TLS and returns its output.
func openssl(t testing.TB, address string, args ...string) string {
	t.Helper()
	out, _ := run(t, "sh", append([]string{"-c", `exec openssl s_client "$@" </dev/null`, "sh", "-connect", address}, args...)...)
	return out
}

// leaf returns the first certificate in the output of s_client.
func leaf(t testing.TB, printed string) []byte {
	t.Helper()
	block, _ := pem.Decode([]byte(printed[max(0, strings.Index(printed, "-----BEGIN CERTIFICATE-----")):]))
	if block == nil {
		t.Fatalf("no certificate in:\n%s", printed)
	}
	return block.Bytes
}

// readRecord reads one TLS record, header included.
func readRecord(r io.Reader) ([]byte, error) {
	var record bytes.Buffer
	if _, err := io.CopyN(&record, r, 5); err != nil {
		return nil, err
	}
	size := int64(record.Bytes()[3])<<8 | int64(record.Bytes()[4])
	_, err := io.CopyN(&record, r, size)
	return record.Bytes(), err
}

// dial connects to an address; the connection is closed when the test ends.
func dial(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// listen serves connections on a free loopback address until the test ends.
func listen(t testing.TB, serve func(*net.TCPConn)) (address string) {
	t.Helper()
	return programs.Listen(t, 2*patience, serve)
}

func accept(ln net.Listener, serve func(*net.TCPConn)) { programs.Accept(ln, 2*patience, serve) }

// read fills buf from c and returns it as text.
func read(t testing.TB, c net.Conn, buf []byte) string {
	t.Helper()
	if n, err := io.ReadFull(c, buf); err != nil {
		t.Fatalf("read %q: %v", buf[:n], err)
	}
	return string(buf)
}
