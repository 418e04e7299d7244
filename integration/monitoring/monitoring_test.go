// SPDX-License-Identifier: Apache-2.0

package monitoring

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

var update = flag.Bool("update", false, "write docs/monitoring")

const directory = "../../docs/monitoring"

func TestFiles(t *testing.T) {
	for name, want := range Files() {
		path := filepath.Join(directory, name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what this package says, %v: go test ./integration/monitoring -update writes it", path, err)
		}
	}
}

// TestRules checks the rules with promtool, and runs the unit tests of the alerts.
func TestRules(t *testing.T) {
	promtool := programs.Need(t, "promtool")
	for _, args := range [][]string{{"check", "rules", "recording.yml", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := exec.Command(promtool, args...)
		cmd.Dir = directory
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	if len(alerts) != 13 {
		t.Errorf("%d alerts", len(alerts))
	}
}

// TestDashboard checks what Grafana needs to find: panels with titles, ids and places of their own.
func TestDashboard(t *testing.T) {
	var d struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(dashboard(), &d); err != nil {
		t.Fatal(err)
	}
	taken := make(map[[2]int]string)
	for i, p := range d.Panels {
		if p.ID != i+1 || p.Title == "" {
			t.Errorf("panel %d: id %d, title %q", i, p.ID, p.Title)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= columns {
					t.Fatalf("%s overlaps %q at %d, %d", p.Title, other, x, y)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		for _, target := range p.Targets {
			if strings.Contains(target.Expr, "$P") || strings.Contains(target.Expr, "$F") || strings.Contains(target.Expr, "$B") {
				t.Errorf("%s: %s", p.Title, target.Expr)
			}
		}
	}
	titles := Panels()
	if slices.Sort(titles); len(slices.Compact(titles)) != len(Panels()) {
		t.Errorf("two panels have the same title: %q", titles)
	}
}

// TestGuide checks that docs/monitoring.md has the section that each alert names, and names alerts
// and panels that exist.
func TestGuide(t *testing.T) {
	text, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	for i := range alerts {
		if a := &alerts[i]; !strings.Contains(string(text), "`"+a.name+"`") || !strings.Contains(strings.ToLower(string(text)), "\n### "+strings.ReplaceAll(a.guide, "-", " ")) {
			t.Errorf("docs/monitoring.md has no section %q with the alert %s", a.guide, a.name)
		}
	}
	for line := range strings.Lines(string(text)) {
		if list, found := strings.CutPrefix(line, "Panels: "); found {
			for title := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(list), "."), ", ") {
				if !slices.Contains(Panels(), title) {
					t.Errorf("there is no panel %q", title)
				}
			}
		}
	}
}
