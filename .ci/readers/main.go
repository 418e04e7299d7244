// SPDX-License-Identifier: Apache-2.0

// Command readers reads numbers of HAProxy by the input of Telegraf, and prints
// them as JSON: an object for each row of the CSV. Its arguments are the servers of the input:
// paths of stats sockets, or URLs of stats pages.
//
// It is a module of its own, so that the project does not depend on Telegraf.
package main

import (
	"encoding/json"
	"log"
	"os"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs/haproxy"
)

// row holds the tags and fields of a row of the CSV.
type row struct {
	Tags   map[string]string `json:"tags"`
	Fields map[string]any    `json:"fields"`
}

// accumulator collects rows. The input calls no other methods of telegraf.Accumulator.
type accumulator struct {
	telegraf.Accumulator
	rows []row
	err  error
}

func (a *accumulator) AddFields(_ string, fields map[string]any, tags map[string]string, _ ...time.Time) {
	a.rows = append(a.rows, row{tags, fields})
}

func (a *accumulator) AddError(err error) { a.err = err }

func main() {
	log.SetFlags(0)
	input := haproxy.HAProxy{Servers: os.Args[1:], KeepFieldNames: true}
	var a accumulator
	if err := input.Gather(&a); err != nil {
		log.Fatal(err)
	}
	if a.err != nil {
		log.Fatal(a.err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(a.rows); err != nil {
		log.Fatal(err)
	}
}
