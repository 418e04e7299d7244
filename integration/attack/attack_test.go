// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package attack attacks this program and HAProxy with the same configuration, one after the other,
// and prints the results of both as a table in Markdown. It asserts what must hold on any machine:
// the process lives, legitimate clients are served, and everything is released afterwards. make
// attack runs it.
package attack

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
)

// full is set by make attack FULL=1: attacks then have the sizes of docs/security.md.
var full = os.Getenv("ATTACK") == "full"

var built programs.Caddy

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(playRole(role))
	}
	code := m.Run()
	built.Remove()
	os.Exit(code)
}

// scaled returns a size for a full run, or the one for a quick run.
func scaled(whole, quick int) int {
	if full {
		return whole
	}
	return quick
}

// rounds returns how many rounds an attack runs, given their number in a full run. ATTACK_ROUNDS in
// the environment limits it.
func rounds(of int) int {
	most, err := strconv.Atoi(os.Getenv("ATTACK_ROUNDS"))
	if err != nil {
		most = of
	}
	return scaled(max(1, min(of, most)), 1)
}

// attack is one kind of attack.
type attack struct {
	name   string // in the table
	rounds int    // in a full run; each round attacks both proxies. 0: one
	config func(s *stage) settings
	run    func(s *stage)
}

// attacks are in the order of the table.
var attacks = slices.Concat(crowdAttacks, floodAttacks, shortageAttacks, limitAttacks, overloadAttacks, serverAttacks, restartAttacks)

// proxies are attacked in this order in each round.
var proxies = []string{"HAProxy", "ours"}

func TestAttacks(t *testing.T) {
	if os.Getenv("ATTACK") == "" {
		t.Skip("loads the machine for minutes: make attack")
	}
	ours, haproxy := built.Path(t), programs.Need(t, "haproxy")
	all := new(table)
	for _, a := range attacks {
		t.Run(strings.ReplaceAll(a.name, " ", "-"), func(t *testing.T) {
			f := all.begin(a.name)
			for range rounds(a.rounds) {
				for _, proxy := range proxies {
					t.Run(proxy, func(t *testing.T) {
						s := &stage{TB: t, proxy: proxy, path: haproxy, figures: f}
						if s.isOurs() {
							s.path = ours
						}
						s.play(&a)
					})
				}
			}
		})
	}
	version, _ := exec.Command(haproxy, "-v").Output()
	first, _, _ := strings.Cut(string(version), "\n")
	text := all.String() + "\n" + first + "\n"
	fmt.Print(text)
	if path := os.Getenv("ATTACK_OUTPUT"); path != "" {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
}
