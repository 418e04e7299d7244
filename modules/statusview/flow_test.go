// SPDX-License-Identifier: Apache-2.0

package statusview

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
)

// drawFlow returns a frontend with rules and backends.
func drawFlow(t *rapid.T) (f control.FlowFrontend, backends map[string]*control.FlowBackend) {
	rates := rapid.IntRange(0, 5000)
	f = control.FlowFrontend{Name: "tls", State: "open", Rate: rates.Draw(t, "rate")}
	for i := range rapid.IntRange(0, 9).Draw(t, "listeners") {
		f.Listeners = append(f.Listeners, control.FlowListener{Name: fmt.Sprintf("127.0.0.1:%d", i), Open: i%3 > 0, Rate: rates.Draw(t, "rate")})
	}
	backends = make(map[string]*control.FlowBackend)
	names := rapid.IntRange(1, 20).Draw(t, "backends")
	for i := range names {
		b := &control.FlowBackend{Name: fmt.Sprintf("b%d", i)}
		for k := range rapid.IntRange(0, 40).Draw(t, "servers") {
			state := rapid.SampledFrom([]string{"up", "up", "down", "maint", "drain", "no check"}).Draw(t, "state")
			b.Servers = append(b.Servers, control.FlowServer{Name: fmt.Sprintf("s%d", k), State: state, Rate: rates.Draw(t, "rate")})
		}
		backends[b.Name] = b
	}
	for i := range rapid.IntRange(0, 100).Draw(t, "rules") {
		c := control.FlowChoice{List: "rule", Number: i + 1, Rule: "backend", When: fmt.Sprintf("if sni a-rather-long-name-%d.example.com", i)}
		for range rapid.IntRange(0, 3).Draw(t, "targets") {
			total, n := rapid.Int64Range(0, 1e6).Draw(t, "total"), rates.Draw(t, "rate")
			c.To = mergeTargets(c.To, []control.FlowTarget{{Backend: fmt.Sprintf("b%d", rapid.IntRange(0, names).Draw(t, "backend")), Total: total, Rate: n}})
			c.Total, c.Rate = c.Total+total, c.Rate+n
		}
		f.Choices = append(f.Choices, c)
	}
	return f, backends
}

// However many rules, backends and servers exist, the picture is of a bounded size, its boxes do
// not touch, and each line leads from a box to another.
func TestFlowFigure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, backends := drawFlow(t)
		figure := newFlowFigure("x", &f, backends).draw()
		if most := (maxDrawnBackends + 1) * (maxDrawnServers + 1) * (boxHeight + boxGap); figure.Width > 1024 || figure.Height > most+boxGap {
			t.Fatalf("%d by %d", figure.Width, figure.Height)
		}
		seen := make(map[string]bool)
		for i, b := range figure.Boxes {
			if seen[b.ID] {
				t.Fatalf("two boxes %q", b.ID)
			}
			seen[b.ID] = true
			if b.X < 0 || b.Y < 0 || b.X+b.Width > figure.Width || b.Y+b.Height > figure.Height || len([]rune(b.Text)) > maxBoxText || len([]rune(b.Note)) > maxBoxText {
				t.Fatalf("%+v in %d by %d", b, figure.Width, figure.Height)
			}
			for _, other := range figure.Boxes[:i] {
				if other.X == b.X && b.Y < other.Y+other.Height && other.Y < b.Y+b.Height {
					t.Fatalf("%+v and %+v touch", b, other)
				}
			}
		}
		lines := make(map[string]bool)
		for _, l := range figure.Lines {
			if l.Weight < 0 || l.Weight > 5 || lines[l.ID] {
				t.Fatalf("%+v", l)
			}
			lines[l.ID] = true
		}
		for _, b := range figure.Boxes[1:] {
			if b.X > boxWidth+columnGap+1 && !hasLineTo(figure.Lines, b.ID) {
				t.Fatalf("no line to %q", b.ID)
			}
		}
	})
}

func hasLineTo(lines []Connector, id string) bool {
	for _, l := range lines {
		if len(l.ID) > len(id)+3 && l.ID[len(l.ID)-len(id)-3:] == " > "+id {
			return true
		}
	}
	return false
}

// The table of rules has them in their order, the busiest of very many, and the sum of the others.
func TestChoicesTable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, _ := drawFlow(t)
		table := choicesTable("x", &f)
		if len(table.Rows) > maxFlowRows+1 || table.Total != len(f.Choices) {
			t.Fatalf("%d rows of %d", len(table.Rows), table.Total)
		}
		var total, sum, rateSum, rates float64
		for _, c := range f.Choices {
			total, rates = total+float64(c.Total), rates+float64(c.Rate)
		}
		keys := make(map[string]bool)
		for _, row := range table.Rows {
			if keys[row.Key] || len(row.Cells) != len(table.Columns) {
				t.Fatalf("%+v", row)
			}
			keys[row.Key] = true
			count, _ := row.Cells[3].key()
			perSecond, _ := row.Cells[2].key()
			sum, rateSum = sum+count, rateSum+perSecond
		}
		if sum != total || rateSum != rates {
			t.Fatalf("the rows add up to %v and %v/s, want %v and %v/s", sum, rateSum, total, rates)
		}
	})
}

// The tables have each box of the picture.
func TestFlowTablesHaveThePicture(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f, backends := drawFlow(t)
		rows := make(map[string]bool)
		for _, row := range flowServersTable("x", &f, backends).Rows {
			if rows[row.Key] {
				t.Fatalf("two rows %q", row.Key)
			}
			rows[row.Key] = true
		}
		for _, row := range choicesTable("x", &f).Rows {
			rows[row.Key] = true
		}
		for _, b := range newFlowFigure("x", &f, backends).draw().Boxes {
			switch {
			case strings.HasPrefix(b.ID, "listener"), b.ID == "frontend", b.ID == "backends", strings.HasPrefix(b.ID, "rest "):
			case !rows[b.ID]:
				t.Fatalf("no row has the box %q", b.ID)
			}
		}
	})
}
