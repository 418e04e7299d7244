// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// results are all numbers of a run.
type results struct {
	Size          size           `json:"size"`
	Returned      []returned     `json:"returned"`
	Moved         []moved        `json:"moved"`
	Spread        []spread       `json:"spread"`
	Disagreements []disagreement `json:"disagreements"`
	Tables        []tableCost    `json:"tables"`
}

// simulate runs all simulations.
func simulate(s size, began func(what string)) (r results, err error) {
	r.Size = s
	for _, step := range []struct {
		what string
		run  func() error
	}{
		{"clients return while servers change", func() error { r.Returned, err = visitAll(s); return err }},
		{"a server leaves", func() error { r.Moved, err = moveAll(s); return err }},
		{"nodes spread connections", func() error { r.Spread, err = spreadAll(s); return err }},
		{"half of the nodes are cut off", func() error { r.Disagreements, err = partitioned(s); return err }},
		{"nodes share a table", func() error { r.Tables = shareAll(s); return nil }},
	} {
		began(step.what)
		if err := step.run(); err != nil {
			return r, fmt.Errorf("simulating that %s: %w", step.what, err)
		}
	}
	return r, nil
}

// replaceTables writes the tables of the results between their marks in a document.
func replaceTables(path string, r results) error {
	text, err := os.ReadFile(path) //nolint:gosec // a document
	if err != nil {
		return err
	}
	for name, table := range map[string]string{
		"returned": r.returnedTable(), "moved": r.movedTable(), "spread": r.spreadTable(), "partition": r.partitionTable(), "tables": r.tablesTable(),
	} {
		begin, end := []byte("<!-- "+name+" -->\n"), []byte("<!-- /"+name+" -->\n")
		from, to := bytes.Index(text, begin), bytes.Index(text, end)
		if from < 0 || to < from {
			return fmt.Errorf("%s: expected the marks %s and %s", path, bytes.TrimSpace(begin), bytes.TrimSpace(end))
		}
		text = bytes.Join([][]byte{text[:from], begin, []byte("\n" + table + "\n"), text[to:]}, nil)
	}
	return os.WriteFile(path, text, 0o644) //nolint:gosec // a document
}

// markdown is a table of a document.
type markdown struct{ strings.Builder }

func newMarkdown(columns ...string) *markdown {
	m := new(markdown)
	m.row(columns...)
	m.row(strings.Split(strings.Repeat("---,", len(columns)-1)+"---", ",")...)
	return m
}

func (m *markdown) row(cells ...string) { m.WriteString("| " + strings.Join(cells, " | ") + " |\n") }

// percent returns a share in percent.
func percent(part, whole int) string {
	return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(whole))
}

// ratio returns how many times the mean a count is.
func ratio(count, total, parts int) string {
	return fmt.Sprintf("%.2f", float64(count)*float64(parts)/float64(total))
}

func (r results) returnedTable() string {
	m := newMarkdown("policy", "nodes", "server had left", "got another one", "node was behind", "of these, of a dead server")
	for _, n := range r.Returned {
		m.row("`"+n.Policy+"`", fmt.Sprint(n.Nodes), percent(n.Gone, n.Visits), percent(n.Elsewhere, n.Visits), percent(n.Behind, n.Visits), percent(n.Dead, n.Visits))
	}
	return m.String()
}

func (r results) movedTable() string {
	m := newMarkdown("policy", "servers", "moved of the server that left", "moved of the others", "busiest server", "least busy server")
	for _, n := range r.Moved {
		m.row("`"+n.Policy+"`", fmt.Sprint(n.Servers), percent(n.Own, n.Clients), percent(n.Others, n.Clients), ratio(n.Most, n.Clients, n.Servers), ratio(n.Least, n.Clients, n.Servers))
	}
	return m.String()
}

func (r results) spreadTable() string {
	m := newMarkdown("policy", "nodes", "connections", "busiest server", "least busy server")
	for _, n := range r.Spread {
		m.row("`"+n.Policy+"`", fmt.Sprint(n.Nodes), fmt.Sprint(n.Connections), ratio(n.Most, n.Connections, n.Servers), ratio(n.Least, n.Connections, n.Servers))
	}
	return m.String()
}

// partitionTable returns a table of the seconds around the begin and the end of the partition.
func (r results) partitionTable() string {
	end := int(r.Size.Partition.Seconds())
	columns := []int{-1, 10, end - 1, end + 1, end + 2, end + 3, end + 5, end + 10}
	heads := []string{"policy"}
	for _, at := range columns {
		heads = append(heads, fmt.Sprintf("%d s", at))
	}
	m := newMarkdown(heads...)
	for _, p := range r.Size.hashed() {
		row := []string{"`" + p.name + "`"}
		for _, at := range columns {
			for _, d := range r.Disagreements {
				if d.Policy == p.name && d.Second == at {
					row = append(row, percent(d.Differ, d.Pairs))
				}
			}
		}
		m.row(row...)
	}
	return m.String()
}
