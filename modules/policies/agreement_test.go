// SPDX-License-Identifier: Apache-2.0

package policies

import (
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// agreementNode is the environment variable that makes TestAgreementNode a node of TestAgreement.
const agreementNode = "AGREEMENT_NODE"

// The number of keys that nodes are compared by, and that TestDisagreement compares.
const agreementKeys, disagreementKeys = 100_000, 20_000

// agreeing returns the policies by which nodes agree on the server of a key.
func agreeing() map[string]func() pool.Policy {
	return map[string]func() pool.Policy{
		"maglev": func() pool.Policy { return &Maglev{Key: "sni"} },
		"consistent": func() pool.Policy {
			return &Hash{Key: "sni", Hashing: Hashing{HashType: HashType{Type: consistent}}}
		},
	}
}

// fleetServers returns servers with ids, in an order of the node's own.
func fleetServers(node uint64, n int) []pool.ServerConfig {
	list := make([]pool.ServerConfig, n)
	for i := range list {
		list[i] = pool.ServerConfig{Name: fmt.Sprint("s", i+1), ID: i + 1, Weight: 10}
	}
	rand.New(rand.NewPCG(node, 0)).Shuffle(n, func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// choices returns the servers of keys. Servers that are named as down get none of them.
func choices(t testing.TB, policy pool.Policy, servers []pool.ServerConfig, keys int, down ...string) []string {
	t.Helper()
	p := openServers(t, policy, servers...)
	for _, name := range down {
		if err := p.SetHealth(name, false); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]string, keys)
	for i, r := range keyed(keys) {
		got[i] = pick(t, p, r)
	}
	return got
}

// TestAgreement runs five nodes, each a process that has the servers in another order. All choose
// the same server for each of 100,000 keys.
func TestAgreement(t *testing.T) {
	t.Parallel()
	said := make(map[string]int)
	for node := range 5 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestAgreementNode$", "-test.v")
		cmd.Env = append(os.Environ(), fmt.Sprint(agreementNode, "=", node+1))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("node %d: %v\n%s", node+1, err, out)
		}
		for line := range strings.Lines(string(out)) {
			if _, choice, ok := strings.Cut(line, "chose: "); ok {
				said[choice]++
			}
		}
	}
	if len(said) != len(agreeing()) {
		t.Errorf("nodes disagree: %v", said)
	}
	for choice, nodes := range said {
		if nodes != 5 {
			t.Errorf("%d nodes of 5 say %s", nodes, choice)
		}
	}
}

// TestAgreementNode prints what one node of TestAgreement chooses.
func TestAgreementNode(t *testing.T) {
	var node uint64
	if _, err := fmt.Sscan(os.Getenv(agreementNode), &node); err != nil {
		t.Skip("only for TestAgreement")
	}
	for name, policy := range agreeing() {
		got := choices(t, policy(), fleetServers(node, 10), agreementKeys)
		fmt.Printf("chose: %s %08x\n", name, crc32.ChecksumIEEE([]byte(strings.Join(got, ","))))
	}
}

// TestDisagreement checks the figures of docs/fleet.md: which keys differ on a node that takes a
// server for down, and equally which keys move when that server leaves all nodes.
func TestDisagreement(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		servers, table int
		most           float64 // percentage of the keys of other servers that may move with maglev
	}{
		{5, DefaultTableSize, 1},
		{10, DefaultTableSize, 1},
		{100, DefaultTableSize, 1},
		{650, DefaultTableSize, 1},
		{650, 655373, 1},
	} {
		policies := agreeing()
		policies["maglev"] = func() pool.Policy { return &Maglev{Key: "sni", TableSize: c.table} }
		for name, policy := range policies {
			if name != "maglev" && c.table != DefaultTableSize {
				continue
			}
			servers := fleetServers(1, c.servers)
			before := choices(t, policy(), servers, disagreementKeys)
			after := choices(t, policy(), fleetServers(2, c.servers), disagreementKeys, "s3")
			own, moved := 0, 0
			for i := range before {
				switch {
				case before[i] == "s3":
					own++
				case before[i] != after[i]:
					moved++
				}
				if after[i] == "s3" {
					t.Fatalf("%s: key %d has a server that is down", name, i)
				}
			}
			others := float64(moved) * 100 / float64(disagreementKeys-own)
			t.Logf("%s, table %d, %d servers: %.1f %% of the keys are of one that is down; of the others %.2f %% differ",
				name, c.table, c.servers, float64(own)*100/disagreementKeys, others)
			if name == "maglev" && others > c.most || name == "consistent" && moved > 0 || own == 0 {
				t.Errorf("%s, %d servers: %d keys of the server, %d others differ", name, c.servers, own, moved)
			}
		}
	}
}
