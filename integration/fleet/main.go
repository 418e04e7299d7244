// SPDX-License-Identifier: Apache-2.0

// Command fleet simulates a fleet of load balancers that know each other only by the servers they
// share: how far the nodes agree on the server of a client while servers come and go, how many
// clients a change moves, how evenly nodes spread connections without talking to each other, what
// a shared table costs Redis, and how long a fleet disagrees after a partition.
//
// Servers are chosen by the real policies over real pools. Time, the DNS and clients are simulated,
// so that a run with the same seed has the same result on each machine. The program writes the
// numbers to a file, and the tables made of them between marks in docs/scale.md.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	numbers := flag.String("numbers", "docs/scale.json", "file for the numbers")
	page := flag.String("page", "docs/scale.md", "document whose tables are replaced")
	quick := flag.Bool("quick", false, "simulate a small fleet, and print the numbers only")
	flag.Parse()
	if err := run(*numbers, *page, *quick); err != nil {
		fmt.Fprintln(os.Stderr, "fleet:", err)
		os.Exit(1)
	}
}

func run(numbers, page string, quick bool) error {
	if quick {
		results, err := simulate(small, func(string) {})
		if err != nil {
			return err
		}
		encoder := json.NewEncoder(os.Stdout)
		encoder.SetIndent("", "\t")
		return encoder.Encode(results)
	}
	began := time.Now()
	results, err := simulate(full, func(what string) {
		fmt.Fprintf(os.Stderr, "%6.1f s: %s\n", time.Since(began).Seconds(), what)
	})
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(results, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(numbers, append(text, '\n'), 0o644); err != nil { //nolint:gosec // a document
		return err
	}
	return replaceTables(page, results)
}
