// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// siteVisitors are HTTP clients of one site that repeat nothing by themselves, so that each request
// that a reload cuts is counted.
type siteVisitors struct {
	address string
	with    http.Transport
	over    atomic.Bool
	wg      sync.WaitGroup

	mu   sync.Mutex
	made map[string]int // requests that were answered, by kind of client
	lost map[string]int // by kind of client and cause
}

func newSiteVisitors(t *testing.T, address, ca string) *siteVisitors {
	t.Helper()
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	v := &siteVisitors{address: address, made: make(map[string]int), lost: make(map[string]int)}
	v.with.TLSClientConfig = &tls.Config{RootCAs: pool, ServerName: "a.example.test"}
	return v
}

// open makes a connection, with HTTP/2 or HTTP/1.1.
func (v *siteVisitors) open(h2 bool) (*http.ClientConn, error) {
	with := v.with.Clone()
	with.Protocols = new(http.Protocols)
	with.Protocols.SetHTTP1(!h2)
	with.Protocols.SetHTTP2(h2)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return with.NewClientConn(ctx, "https", v.address)
}

// ask makes a request on a connection.
func (v *siteVisitors) ask(conn *http.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://a.example.test/", nil)
	if err != nil {
		return err
	}
	answer, err := conn.RoundTrip(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// note counts a request.
func (v *siteVisitors) note(kind, when string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err == nil {
		v.made[kind]++
		return
	}
	v.lost[kind+", "+when+": "+causeOf(err)]++
}

// causeOf returns the cause in an error, without addresses and other numbers.
func causeOf(err error) string {
	text := err.Error()
	for _, known := range []string{"GOAWAY", "connection refused", "connection reset", "broken pipe", "EOF", "client connection", "closed network connection", "deadline"} {
		if strings.Contains(text, known) {
			return known
		}
	}
	return text
}

// visit makes connections until over, each with one request, after a pause.
func (v *siteVisitors) visit(kind string, h2 bool, pause time.Duration) {
	for !v.over.Load() {
		conn, err := v.open(h2)
		if err != nil {
			v.note(kind, whenOf(err), err)
			continue
		}
		if pause > 0 {
			time.Sleep(rand.N(pause))
		}
		if pause == 0 || conn.Available() > 0 {
			v.note(kind, "first request", v.ask(conn))
		} else {
			v.note(kind, "closed before the first request", errors.New("EOF"))
		}
		_ = conn.Close()
	}
}

func whenOf(err error) string {
	if op := (*net.OpError)(nil); errors.As(err, &op) && op.Op == "dial" {
		return "connecting"
	}
	return "handshake"
}

// stay makes requests on one connection, with pauses, until over; and another connection when the
// server has announced the end of it.
func (v *siteVisitors) stay(kind string, h2 bool, pause time.Duration) {
	var conn *http.ClientConn
	for !v.over.Load() {
		if conn == nil || conn.Available() == 0 {
			var err error
			if conn, err = v.open(h2); err != nil {
				v.note(kind, whenOf(err), err)
				conn = nil
				continue
			}
			v.note(kind, "first request", v.ask(conn))
		}
		time.Sleep(rand.N(pause))
		if conn.Available() == 0 {
			continue
		}
		err := v.ask(conn)
		v.note(kind, "further request", err)
		if err != nil {
			_ = conn.Close()
			conn = nil
		}
	}
	if conn != nil {
		_ = conn.Close()
	}
}

func (v *siteVisitors) start() {
	for _, h2 := range []bool{false, true} {
		version := map[bool]string{false: "h1", true: "h2"}[h2]
		for range 2 {
			v.wg.Go(func() { v.visit(version+", new", h2, 0) })
			v.wg.Go(func() { v.visit(version+", new and late", h2, 100*time.Millisecond) })
			v.wg.Go(func() { v.stay(version+", busy", h2, 20*time.Millisecond) })
			v.wg.Go(func() { v.stay(version+", idle", h2, 2*time.Second) })
		}
	}
}

func (v *siteVisitors) stop() {
	v.over.Store(true)
	v.wg.Wait()
}

// siteAddresses are the addresses of the site: one of Caddy's own, and those that outlive reloads.
var siteAddresses = map[string]struct {
	options, bind string
	keeps         bool
}{
	"stock":    {"", "127.0.0.1", false},
	"durable":  {"passthrough", "durable/127.0.0.1", true},
	"frontend": {"passthrough {\n frontend tls {\n bind ADDRESS\n on no_match next\n use_backend web sni b.example.test\n }\n backend web {\n server s1 127.0.0.1:9\n }\n }", "durable/127.0.0.1", true},
	"site":     {"passthrough {\n frontend tls {\n bind ADDRESS\n default_backend own\n }\n backend own {\n site own\n }\n }", "passthrough/own", true},
}

// Requests to a site of Caddy during reloads: a durable address loses none of new connections,
// whether or not a frontend passes them on.
func TestSitesAcrossReloads(t *testing.T) {
	for name, of := range siteAddresses {
		t.Run(name, func(t *testing.T) {
			if !of.keeps && !soaking {
				t.Skip("a comparison: make soak prints it")
			}
			reloads := 12
			p, address := new(process), freeAddress(t)
			if soaking {
				p.of, reloads = &fast, 50
			}
			options := strings.ReplaceAll(of.options, "ADDRESS", address)
			site := func(i int) string {
				return fmt.Sprintf("https://*.example.test:%s {\n bind %s\n tls internal\n respond \"%d\"\n}\n", portOf(t, address), of.bind, i)
			}
			p.dir, p.admin = t.TempDir(), freeAddress(t)
			p.write(t, options, site(0))
			p.run(t, "Caddyfile", 1)
			if _, err := p.curl(t, address, "a.example.test", "", "--retry", "9", "--retry-all-errors"); err != nil {
				t.Fatal(err)
			}
			v := newSiteVisitors(t, address, p.ca())
			v.start()
			began := time.Now()
			for i := range reloads {
				time.Sleep(100 * time.Millisecond)
				if err := p.reload(t, options, site(i+1)); err != nil {
					t.Error(err)
				}
			}
			took := time.Since(began)/time.Duration(reloads) - 100*time.Millisecond
			v.stop()
			t.Logf("%d reloads of %v: %s", reloads, took.Round(time.Millisecond), v)
			if len(v.made) != 8 {
				t.Error("some clients had no answer")
			}
			// On a busy machine, a client may be slower than a reload waits. Without the wait, one of six
			// is lost.
			if made, lost := v.ofNew(); of.keeps && lost > made/50 {
				t.Errorf("lost %d of %d", lost, made)
			}
		})
	}
}

// ofNew returns the numbers of requests on new connections that were answered and lost. A reload
// may cut others: HTTP has no way to tell a client in time that its idle connection ends.
func (v *siteVisitors) ofNew() (made, lost int) {
	for kind, count := range v.made {
		if strings.Contains(kind, "new") {
			made += count
		}
	}
	for kind, count := range v.lost {
		if strings.Contains(kind, "new") {
			lost += count
		}
	}
	return made, lost
}

func (v *siteVisitors) String() string {
	var b strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(v.made)) {
		fmt.Fprintf(&b, "\n%7d %s", v.made[kind], kind)
	}
	fmt.Fprintf(&b, "\nlost:")
	for _, kind := range slices.Sorted(maps.Keys(v.lost)) {
		fmt.Fprintf(&b, "\n%7d %s", v.lost[kind], kind)
	}
	return b.String()
}
