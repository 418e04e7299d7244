// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// longFile returns a configuration of about the given number of lines, like a generated one.
func longFile(lines int) []byte {
	var b strings.Builder
	b.WriteString("global\n\tmaxconn 100000\n\nfrontend tls\n\tbind :443\n")
	for i := range lines / 5 {
		fmt.Fprintf(&b, "\tuse_backend b%d if { req.ssl_sni -i www%d.example.com }\n", i, i)
	}
	for i := range lines / 5 {
		fmt.Fprintf(&b, "\nbackend b%d\n\tbalance roundrobin # as ever\n\tserver s1 \"10.0.%d.%d:443\" check inter 2s\n", i, i/256, i%256)
	}
	return []byte(b.String())
}

func BenchmarkRead(b *testing.B) {
	sources := []Source{{Name: "haproxy.cfg", Text: longFile(50_000)}}
	b.SetBytes(int64(len(sources[0].Text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, problems := Read(sources, testOptions); len(problems) > 0 {
			b.Fatal(problems[0])
		}
	}
}

// TestSpeed reads a file of realistic length. The limit is far above the time that a machine needs,
// and far below that of a nonlinear algorithm.
func TestSpeed(t *testing.T) {
	const (
		lines = 50_000
		limit = 30 * time.Second
	)
	text := longFile(lines)
	began := time.Now()
	sections, problems := Read([]Source{{Name: "f", Text: text}}, testOptions)
	if took := time.Since(began); took > limit {
		t.Errorf("%d lines took %v", lines, took)
	}
	if len(sections) != 2+lines/5 || len(problems) > 0 {
		t.Errorf("%d sections, problems %v", len(sections), problems)
	}
	wide := Source{Name: "f", Text: []byte("global\n " + strings.Repeat("\\ \"x$ONE\"'y'", 1<<18) + "\n" + strings.Repeat("x", 1<<22) + "\n.if " + strings.Repeat("!", 1<<20) + strings.Repeat("1&&", 1<<18) + "1\n.endif\n")}
	began = time.Now()
	if _, problems = Read([]Source{wide}, testOptions); len(problems) > 0 {
		t.Errorf("%.200v", problems)
	}
	if took := time.Since(began); took > limit {
		t.Errorf("long lines took %v", took)
	}
}
