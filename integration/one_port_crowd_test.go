// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// Many clients visit all names at once, with strays among them: each gets what belongs to it, and
// none a wrong certificate. With make soak they are more.
func (o *onePort) testCrowd(t *testing.T) {
	size, atOnce := 2000, 100
	if soaking {
		size, atOnce = 10_000, 200
	}
	kinds := crowdKinds(t)
	before, began := o.counts(t, "port"), time.Now()
	failed, wrong := o.crowd(kinds, size, atOnce)
	t.Logf("%d handshakes of %d kinds in %v, %d at a time: %d failures, %d wrong certificates", size, len(kinds), time.Since(began).Round(time.Millisecond), atOnce, len(failed), wrong)
	for _, err := range failed[:min(len(failed), 20)] {
		t.Error(err)
	}
	passed, served := 0, 0
	for i := range size {
		switch k := kinds[i%len(kinds)]; {
		case k.version == "HTTP/3.0":
		case k.answers == "own", k.stray != nil:
			passed++
		default:
			served++
		}
	}
	o.await(t, fmt.Sprintf("%d sessions", served), func([]logLine) bool {
		c := o.counts(t, "port")
		all := 0
		for end, n := range c.Ended {
			if end != "passed_on" {
				all += n - before.Ended[end]
			}
		}
		return all >= served && c.Ended["passed_on"]-before.Ended["passed_on"] == passed
	})
}

// A crowdKind is a kind of visitors: of a name, or strays.
type crowdKind struct {
	onePortName
	version string
	stray   []byte
	want    string // what a stray gets
}

func crowdKinds(t *testing.T) (kinds []crowdKind) {
	for _, n := range onePortNames {
		for _, version := range n.versions {
			kinds = append(kinds, crowdKind{onePortName: n, version: version})
		}
	}
	const alert = "\x15\x03\x03\x00\x02\x02\x50" // internal_error: no certificate
	return append(kinds,
		crowdKind{stray: hellotest.Hello(t, "unknown.test"), want: alert},
		crowdKind{stray: hellotest.Hello(t, ""), want: alert},
		crowdKind{stray: []byte("GET / HTTP/1.1\r\nHost: git.pass.test\r\n\r\n"), want: "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"},
		crowdKind{stray: []byte("garbage, and more of it\r\n\r\n")},
	)
}

// crowd makes visits of all kinds in turn. wrong is the number of those that got a wrong
// certificate.
func (o *onePort) crowd(kinds []crowdKind, size, atOnce int) (failed []error, wrong int) {
	var wg sync.WaitGroup
	next, failures := make(chan crowdKind), make(chan error, size)
	for range atOnce {
		wg.Go(func() {
			for k := range next {
				if err := o.crowdVisit(k); err != nil {
					failures <- err
				}
			}
		})
	}
	for i := range size {
		next <- kinds[i%len(kinds)]
	}
	close(next)
	wg.Wait()
	close(failures)
	for err := range failures {
		failed = append(failed, err)
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			wrong++
		}
	}
	return failed, wrong
}

func (o *onePort) crowdVisit(k crowdKind) error {
	if k.stray != nil {
		if got := outcomeOf(o.address, k.stray, false); got != k.want {
			return fmt.Errorf("%q: %q, want %q", k.stray[:7], got, k.want)
		}
		return nil
	}
	v := o.visit(k.onePortName, k.version, o.address, "")
	if v.err != nil {
		return fmt.Errorf("%s by %s: %w", k.name, k.version, v.err)
	}
	if want := k.says(k.version, v.local); !strings.HasPrefix(v.answer, want) {
		return fmt.Errorf("%s by %s: %q, want %q", k.name, k.version, v.answer, want)
	}
	return nil
}
