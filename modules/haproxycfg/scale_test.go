// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// large returns a configuration of 10,000 backends in 50,000 lines: a name for each in the
// frontend, and a server, a policy and an option.
func large() string {
	var b strings.Builder
	b.WriteString("defaults\n" + timeoutLines + "frontend f\n\tbind :443\n\ttcp-request inspect-delay 5s\n\ttcp-request content accept if { req.ssl_hello_type 1 }\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "\tuse_backend b%d if { req.ssl_sni -i www%d.example.com }\n", i, i)
	}
	for i := range 10_000 {
		fmt.Fprintf(&b, "backend b%d\n\tbalance roundrobin\n\toption tcplog\n\tserver s1 192.0.2.%d:443 check inter 3s\n", i, i%250+1)
	}
	return b.String()
}

func TestLarge(t *testing.T) {
	text := large()
	began := time.Now()
	r := translated(t, text)
	t.Logf("%d lines in %v, %d bytes of JSON, %d problems", strings.Count(text, "\n"), time.Since(began), len(r.JSON), len(r.Problems))
	if r.Failed || strings.Count(text, "\n") < 50_000 {
		t.Fatalf("%v", r.Problems[:1])
	}
	if n := strings.Count(string(r.JSON), `"name":"s1","address":`); n != 10_000 {
		t.Errorf("%d servers, want 10,000", n)
	}
	// One warning about logs instead of ten thousand.
	if len(r.Problems) != 1 {
		t.Errorf("%d problems: %v", len(r.Problems), r.Problems)
	}
}

func BenchmarkTranslate(b *testing.B) {
	text := large()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		translated(b, text)
	}
}
