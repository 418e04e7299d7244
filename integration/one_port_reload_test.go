// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Reloads, each with other sites, lose no session and no new connection of names that are passed
// through. Caddy's http server cuts connections of own sites when the old configuration stops:
// those are counted.
func (o *onePort) testReloads(t *testing.T) {
	const sessions = 20
	reloads := 10
	if soaking {
		reloads = 50
	}
	var over atomic.Bool
	var wg sync.WaitGroup
	var mu sync.Mutex
	made, lost := make(map[string]int), make(map[string]int)
	count := func(n onePortName, version string, err error) {
		mu.Lock()
		defer mu.Unlock()
		kind := fmt.Sprintf("%s by %s", n.answers, version)
		made[kind]++
		if err == nil {
			return
		}
		lost[kind]++
		if n.answers != "own" {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for range sessions {
		wg.Go(func() { count(onePortName{answers: "session"}, "HTTP/1.1", o.beat(&over)) })
	}
	for _, n := range onePortNames {
		for _, version := range n.versions {
			wg.Go(func() {
				for !over.Load() {
					v := o.visit(n, version, o.address, "")
					if v.err == nil && n.answers != "own" && !strings.HasPrefix(v.answer, n.says(version, v.local)) {
						v.err = fmt.Errorf("answer %q", v.answer)
					}
					count(n, version, v.err)
				}
			})
		}
	}
	for i := range reloads {
		o.writeConfig(t, fmt.Sprintf("reload %d", i+1))
		if err := o.load(t); err != nil {
			t.Error(err)
		}
	}
	over.Store(true)
	wg.Wait()
	for kind, n := range made {
		t.Logf("%d reloads, %s: %d made, %d lost", reloads, kind, n, lost[kind])
	}
}

// beat sends requests on one connection to a server behind the frontend, until it is over.
func (o *onePort) beat(over *atomic.Bool) error {
	c, err := tls.Dial("tcp", o.address, &tls.Config{RootCAs: o.cas["go"], ServerName: "a.wild.test"})
	if err != nil {
		return err
	}
	defer c.Close()
	answer := make([]byte, 1<<10)
	for ; !over.Load(); time.Sleep(50 * time.Millisecond) {
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: a.wild.test\r\n\r\n")); err != nil {
			return err
		}
		n, err := c.Read(answer)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(string(answer[:n]), fmt.Sprintf("HTTP/1.1 %d", http.StatusOK)) {
			return errors.New("another answer")
		}
	}
	return nil
}
