// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// startRaw runs a frontend before one server of the test's own, over plain TCP: after the hello the
// proxy cannot tell it from TLS.
func startRaw(t *testing.T, backend string, serve func(*net.TCPConn)) (p *process, address string) {
	t.Helper()
	address = freeAddress(t)
	p = start(t, fmt.Sprintf(`
	layer4 {
		durable/%s {
			route {
				passthrough {
					server s1 %s
					%s
				}
			}
		}
	}`, address, listen(t, serve), backend), "")
	return p, address
}

// say sends a complete hello, followed by more.
func say(t *testing.T, address, more string) *net.TCPConn {
	t.Helper()
	c := dial(t, address)
	if _, err := c.Write(append(hellotest.Hello(t, "www.example.test"), more...)); err != nil {
		t.Fatal(err)
	}
	return c
}

// skipHello reads the hello that say sends.
func skipHello(c net.Conn) error {
	_, err := readRecord(c)
	return err
}

// startTLS runs a frontend before one server of the test's own, over TLS.
func startTLS(t *testing.T) (p *process, address string, ln net.Listener, roots *x509.CertPool) {
	t.Helper()
	origin, address := freeAddress(t), freeAddress(t)
	p = start(t, fmt.Sprintf("layer4 {\n durable/%s {\n route {\n passthrough {\n server s1 %s\n }\n }\n }\n}", address, origin), site("s1", freeAddress(t)))
	certificate, roots := p.certificate(t)
	ln, err := tls.Listen("tcp", origin, &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return p, address, ln, roots
}

// 200 MiB in both directions at once, over TLS, arrive unchanged.
func TestBulk(t *testing.T) {
	const size = 200 << 20
	p, address, ln, roots := startTLS(t)
	atServer := make(chan [2][32]byte, 1)
	go func() {
		c, err := ln.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		atServer <- exchange(t, c.(*tls.Conn), size)
	}()
	c, err := tls.Dial("tcp", address, &tls.Config{ServerName: "www.example.test", RootCAs: roots})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client := exchange(t, c, size)
	server := <-atServer
	if client[0] != server[1] || client[1] != server[0] {
		t.Errorf("digests differ: sent %x, arrived %x; sent %x, arrived %x", client[0], server[1], server[0], client[1])
	}
	c.Close()
	if l := p.sessions(t, 1)[0]; l.In < size || l.Out < size || l.Termination != "--" {
		t.Errorf("log line %+v", l)
	}
}

// exchange sends size random bytes and closes its direction, and receives until the end, at the
// same time. It returns the digests of the sent and the received bytes.
func exchange(t *testing.T, c *tls.Conn, size int64) (sums [2][32]byte) {
	received := make(chan [32]byte, 1)
	go func() {
		h := sha256.New()
		if n, err := io.Copy(h, c); err != nil || n != size {
			t.Errorf("received %d bytes: %v", n, err)
		}
		received <- [32]byte(h.Sum(nil))
	}()
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(c, h), rand.Reader, size); err != nil {
		t.Errorf("sending: %v", err)
	}
	if err := c.CloseWrite(); err != nil {
		t.Errorf("closing: %v", err)
	}
	return [2][32]byte{[32]byte(h.Sum(nil)), <-received}
}

// certificate returns the certificate that a process made for its sites, and the CA.
func (p *process) certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	stem := p.dir + "/state/certificates/local/wildcard_.example.test/wildcard_.example.test"
	c, err := tls.LoadX509KeyPair(stem+".crt", stem+".key")
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(p.ca())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return c, roots
}

// A side that has finished sending still receives everything from the other.
func TestHalfClose(t *testing.T) {
	const size = 8 << 20
	data := make([]byte, size)
	_, _ = rand.Read(data)
	t.Run("client first", func(t *testing.T) {
		p, address := startRaw(t, "", func(c *net.TCPConn) {
			all, _ := io.ReadAll(c)
			time.Sleep(50 * time.Millisecond) // by now the FIN has arrived
			_, _ = c.Write(all[len(all)-5:])
			_, _ = c.Write(data)
		})
		c := say(t, address, "")
		if _, err := c.Write(slices.Concat(data, []byte("12345"))); err != nil {
			t.Fatal(err)
		}
		_ = c.CloseWrite()
		if got, err := io.ReadAll(c); err != nil || !bytes.Equal(got, slices.Concat([]byte("12345"), data)) {
			t.Errorf("the client got %d bytes (%v), want %d", len(got), err, size+5)
		}
		if l := p.sessions(t, 1)[0]; l.Termination != "--" || l.EndedBy != "client" || l.Out != size+5 {
			t.Errorf("log line %+v", l)
		}
	})
	t.Run("server first", func(t *testing.T) {
		got := make(chan []byte, 1)
		p, address := startRaw(t, "", func(c *net.TCPConn) {
			if err := skipHello(c); err != nil {
				t.Error(err)
			}
			_, _ = c.Write(data)
			_ = c.CloseWrite()
			all, _ := io.ReadAll(c)
			got <- all
		})
		c := say(t, address, "")
		if all, err := io.ReadAll(c); err != nil || !bytes.Equal(all, data) {
			t.Errorf("the client got %d bytes (%v)", len(all), err)
		}
		if _, err := c.Write(data); err != nil {
			t.Fatal(err)
		}
		_ = c.CloseWrite()
		if all := <-got; !bytes.Equal(all, data) {
			t.Errorf("the server got %d bytes, want %d", len(all), size)
		}
		if l := p.sessions(t, 1)[0]; l.Termination != "--" || l.EndedBy != "server" {
			t.Errorf("log line %+v", l)
		}
	})
}

// Bytes right behind the hello, such as early data, go to the server.
func TestBytesAfterHelloReachServer(t *testing.T) {
	p, address := startRaw(t, "", func(c *net.TCPConn) {
		if err := skipHello(c); err != nil {
			t.Error(err)
		}
		_, _ = io.Copy(c, c)
	})
	c := say(t, address, "early data")
	_ = c.CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "early data" || err != nil {
		t.Errorf("got %q (%v)", got, err)
	}
	p.sessions(t, 1)
}

// The log says which side broke the session, and the other side notices.
func TestBrokenSessions(t *testing.T) {
	t.Parallel()
	broken := make(chan error, 1)
	p, address := startRaw(t, "timeouts client 3s server 1m", func(c *net.TCPConn) {
		if err := skipHello(c); err != nil {
			t.Error(err)
		}
		what := make([]byte, 4)
		_, _ = io.ReadFull(c, what)
		if string(what) == "rst!" {
			_ = c.SetLinger(0)
			return
		}
		_, err := c.Read(what)
		broken <- err
	})
	t.Run("by server", func(t *testing.T) {
		c := say(t, address, "rst!")
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client got %v", err)
		}
		if l := p.sessions(t, 1)[0]; l.Termination != "SD" || l.End != "server_reset" || l.EndedBy != "server" {
			t.Errorf("log line %+v", l)
		}
	})
	t.Run("by client", func(t *testing.T) {
		c := say(t, address, "hold")
		time.Sleep(100 * time.Millisecond)
		_ = c.SetLinger(0)
		c.Close()
		if err := <-broken; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the server got %v", err)
		}
		if l := p.sessions(t, 2)[1]; l.Termination != "CD" || l.End != "client_reset" || l.EndedBy != "client" {
			t.Errorf("log line %+v", l)
		}
	})
	t.Run("by a silent client", func(t *testing.T) {
		say(t, address, "hold")
		if err := <-broken; !errors.Is(err, io.EOF) {
			t.Errorf("the server got %v", err)
		}
		if l := p.sessions(t, 3)[2]; l.Termination != "cD" || l.End != "client_timeout" {
			t.Errorf("log line %+v", l)
		}
	})
}
