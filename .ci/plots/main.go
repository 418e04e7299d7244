// SPDX-License-Identifier: Apache-2.0

// Command plots draws the pictures of docs/scale.md from the numbers of docs/scale.json. It is a
// module of its own, so that users of the modules need no library for plots.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/plotutil"
	"gonum.org/v1/plot/vg"
	_ "gonum.org/v1/plot/vg/vgsvg" // pictures are written as SVG
)

// numbers holds the parts of the file of the command fleet that are drawn.
type numbers struct {
	Moved []struct {
		Policy                   string
		Servers, Clients, Others int
	}
	Spread []struct {
		Policy                            string
		Nodes, Servers, Connections, Most int
	}
	Disagreements []struct {
		Policy                string
		Second, Pairs, Differ int
	}
	Tables []struct {
		Kind                        string
		Nodes, Commands, Deliveries int
	}
}

func main() {
	from := flag.String("numbers", "docs/scale.json", "file with the numbers")
	to := flag.String("to", "docs/pictures", "directory for the pictures")
	flag.Parse()
	if err := draw(*from, *to); err != nil {
		fmt.Fprintln(os.Stderr, "plots:", err)
		os.Exit(1)
	}
}

func draw(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var n numbers
	if err := json.Unmarshal(text, &n); err != nil {
		return fmt.Errorf("reading %s: %w", from, err)
	}
	for name, p := range map[string]*picture{
		"scale-moved": n.moved(), "scale-spread": n.spread(), "scale-partition": n.partition(), "scale-tables": n.tables(),
	} {
		if err := p.save(filepath.Join(to, name+".svg")); err != nil {
			return fmt.Errorf("drawing %s: %w", name, err)
		}
	}
	return nil
}

// picture is a plot of lines, by their names.
type picture struct {
	title, x, y string
	logX, logY  bool
	from        float64  // the least of y
	names       []string // in the order of the legend
	lines       map[string]plotter.XYs
}

// add adds a point to a line.
func (p *picture) add(name string, x, y float64) {
	if p.lines == nil {
		p.lines = make(map[string]plotter.XYs)
	}
	if p.lines[name] == nil {
		p.names = append(p.names, name)
	}
	p.lines[name] = append(p.lines[name], plotter.XY{X: x, Y: y})
}

func (n *numbers) moved() *picture {
	p := &picture{title: "A server leaves: clients of other servers that move", x: "servers", y: "% of all clients (at least 0.001)", logX: true, logY: true}
	for _, m := range n.Moved {
		p.add(m.Policy, float64(m.Servers), max(100*float64(m.Others)/float64(m.Clients), 0.001))
	}
	return p
}

func (n *numbers) spread() *picture {
	p := &picture{title: "Each node chooses alone: the busiest of 100 servers", x: "nodes", y: "times the mean", logX: true, from: 1}
	for _, s := range n.Spread {
		p.add(s.Policy, float64(s.Nodes), float64(s.Most)*float64(s.Servers)/float64(s.Connections))
	}
	return p
}

func (n *numbers) partition() *picture {
	p := &picture{title: "Half of the nodes are cut off from second 0 on", x: "seconds", y: "% of clients with two servers"}
	for _, d := range n.Disagreements {
		if d.Policy == "hash map_based" { // nearly all, always
			continue
		}
		p.add(d.Policy, float64(d.Second), 100*float64(d.Differ)/float64(d.Pairs))
	}
	return p
}

func (n *numbers) tables() *picture {
	p := &picture{title: "A table in Redis", x: "nodes", y: "per second, whole fleet", logX: true, logY: true}
	for _, t := range n.Tables {
		p.add(t.Kind+": commands", float64(t.Nodes), float64(t.Commands))
		p.add(t.Kind+": deliveries", float64(t.Nodes), float64(t.Deliveries))
	}
	return p
}

// save draws the picture to a file.
func (p *picture) save(path string) error {
	drawn := plot.New()
	drawn.Title.Text, drawn.X.Label.Text, drawn.Y.Label.Text = p.title, p.x, p.y
	drawn.Legend.Top, drawn.Legend.Left, drawn.Legend.Padding = true, true, vg.Points(2)
	drawn.Add(plotter.NewGrid())
	if p.logX {
		drawn.X.Scale, drawn.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if p.logY {
		drawn.Y.Scale, drawn.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	lowest := math.Inf(1)
	for i, name := range p.names {
		for _, at := range p.lines[name] {
			lowest = min(lowest, at.Y)
		}
		line, points, err := plotter.NewLinePoints(p.lines[name])
		if err != nil {
			return err
		}
		line.Color, points.Color, points.Shape = plotutil.Color(i), plotutil.Color(i), plotutil.Shape(i)
		line.Width = vg.Points(1.2)
		if len(p.lines[name]) > 30 {
			points.Radius = 0
		}
		drawn.Add(line, points)
		drawn.Legend.Add(name, line, points)
	}
	// Room for the legend, and for the last number of the axis.
	drawn.Y.Min, drawn.Y.Max, drawn.X.Max = p.from, p.from+(drawn.Y.Max-p.from)*1.5, drawn.X.Max*1.05
	if p.logY {
		drawn.Y.Min, drawn.Y.Max = lowest, drawn.Y.Max*100
	}
	if p.logX {
		drawn.X.Max *= 1.2
	}
	return drawn.Save(7*vg.Inch, 3.4*vg.Inch, path)
}
