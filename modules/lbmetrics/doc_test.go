// SPDX-License-Identifier: Apache-2.0

package lbmetrics

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

var update = flag.Bool("update", false, "write the tables of docs/metrics.md")

var kinds = map[prometheus.ValueType]string{prometheus.CounterValue: "counter", prometheus.GaugeValue: "gauge", prometheus.UntypedValue: "histogram"}

// namesTable documents the metrics with names of our own.
func namesTable() string {
	b := new(strings.Builder)
	b.WriteString("\n| `" + prefix + "…` | type | labels | |\n|---|---|---|---|\n")
	for _, m := range ours {
		labels := ""
		if len(m.labels) > 0 {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", strings.TrimPrefix(m.name, prefix), kinds[m.kind], labels, strings.TrimSuffix(m.help, "."))
	}
	return b.String() + "\n"
}

// docs/metrics.md has every metric.
func TestDocument(t *testing.T) {
	t.Parallel()
	const file = "../../docs/metrics.md"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, table := range map[string]string{"names": namesTable()} {
		begin, end := "<!-- "+name+": go test ./modules/lbmetrics -update writes them -->\n", "<!-- end of "+name+" -->"
		before, rest, found := strings.Cut(want, begin)
		_, after, ended := strings.Cut(rest, end)
		if !found || !ended {
			t.Fatalf("no %q in %s", begin, file)
		}
		want = before + begin + table + end + after
	}
	switch {
	case want == string(text):
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not up to date: go test ./modules/lbmetrics -update writes it", file)
	}
}

