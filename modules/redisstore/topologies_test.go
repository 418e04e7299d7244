// SPDX-License-Identifier: Apache-2.0

package redisstore

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddy-passthrough/caddy-passthrough/integration/programs"
	"github.com/caddy-passthrough/caddy-passthrough/modules/checks"
	"github.com/caddy-passthrough/caddy-passthrough/modules/stick"
)

// tlsOf returns TLS options.
func tlsOf(t *testing.T, text string) *checks.TLS {
	t.Helper()
	o := new(checks.TLS)
	if err := json.Unmarshal([]byte(text), o); err != nil {
		t.Fatal(err)
	}
	return o
}

// agree reports that what one of two nodes stores reaches the other one.
func agree(t *testing.T, r *Redis) {
	t.Helper()
	a, b := join(t, r, shared(t, "server_id", "gpc0")), join(t, r, shared(t, "server_id", "gpc0"))
	a.awaitConnected()
	b.awaitConnected()
	a.store("x", "s1")
	programs.Until(t, "the other node learns it", func() bool { return b.server("x") == "s1" && a.share.Status().Pending == 0 })
	b.table.Clear([]byte("x"))
	b.share.Fetch([]byte("x"))
	if got := b.server("x"); got != "s1" {
		t.Errorf("server %q after a lookup: %+v", got, b.share.Status())
	}
	late := join(t, r, shared(t, "server_id", "gpc0"))
	programs.Until(t, "a node that joins learns it", func() bool { return late.server("x") == "s1" })
}

func TestPassword(t *testing.T) {
	t.Parallel()
	s := startRedis(t, "--user", "default", "off", "--user", "caddy", "on", ">secret", "~*", "&*", "+@all")
	agree(t, provisioned(t, Redis{URL: s.url(), Username: "caddy", Password: "secret"}))
	agree(t, provisioned(t, Redis{URL: "redis://caddy:secret@127.0.0.1:" + s.port, Prefix: "other"}))
	m := join(t, provisioned(t, Redis{URL: s.url(), Username: "caddy", Password: "wrong"}), shared(t, "server_id"))
	programs.Until(t, "the wrong password is reported", func() bool {
		got := m.share.Status()
		return got.State == stick.Unreachable && strings.Contains(got.Error, "WRONGPASS")
	})
	m.store("x", "s1")
	if m.share.Fetches([]byte("y")) || m.server("x") != "s1" {
		t.Error("the table does not go on")
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	s := startRedis(t)
	s.kill()
	tlsPort := strings.TrimPrefix(programs.Address(t), "127.0.0.1:")
	s.args = []string{"--tls-port", tlsPort, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", cert, "--tls-auth-clients", "no"}
	s.start()
	agree(t, provisioned(t, Redis{URL: "rediss://127.0.0.1:" + tlsPort, TLS: tlsOf(t, `{"ca": "`+cert+`"}`)}))
	for name, r := range map[string]Redis{
		"an unknown authority": {URL: "rediss://127.0.0.1:" + tlsPort},
		"another name":         {URL: "rediss://127.0.0.1:" + tlsPort, TLS: tlsOf(t, `{"ca": "`+cert+`", "server_name": "other.example"}`)},
	} {
		m := join(t, provisioned(t, r), shared(t, "server_id"))
		programs.Until(t, name+" is refused", func() bool {
			got := m.share.Status()
			return got.State == stick.Unreachable && strings.Contains(got.Error, "certificate")
		})
	}
}

// certificate writes a certificate of 127.0.0.1 and its key.
func certificate(t *testing.T, dir string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// The replica that the sentinel makes the master goes on with the table.
func TestSentinel(t *testing.T) {
	t.Parallel()
	master := startRedis(t)
	replica := startRedis(t, "--replicaof", "127.0.0.1", master.port)
	programs.Until(t, "the replica has joined", func() bool {
		return strings.Contains(master.client().Info(context.Background(), "replication").Val(), "state=online")
	})
	file := filepath.Join(t.TempDir(), "sentinel.conf")
	config := "sentinel monitor m 127.0.0.1 " + master.port + " 1\nsentinel down-after-milliseconds m 500\nsentinel failover-timeout m 2000\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := &server{t: t, dir: t.TempDir(), args: []string{"--sentinel"}}
	_, sentinel.port, _ = strings.Cut(programs.Address(t), ":")
	sentinel.startWith(file)
	t.Cleanup(sentinel.kill)

	r := provisioned(t, Redis{Sentinel: &Sentinel{Master: "m", Addresses: []string{"127.0.0.1:" + sentinel.port}}})
	a, b := join(t, r, shared(t, "server_id")), join(t, r, shared(t, "server_id"))
	a.awaitConnected()
	b.awaitConnected()
	a.store("before", "s1")
	programs.Until(t, "the other node learns it", func() bool { return b.server("before") == "s1" })
	master.kill()
	programs.Until(t, "the nodes see it", func() bool {
		return a.share.Status().State == stick.Unreachable && b.share.Status().State == stick.Unreachable
	})
	a.store("meanwhile", "s2")
	programs.Until(t, "the replica is the master, and has what was stored meanwhile", func() bool {
		return b.server("meanwhile") == "s2" && a.share.Status().State == stick.Connected
	})
	if n := replica.client().Exists(t.Context(), a.share.keys.entry([]byte("before")), a.share.keys.entry([]byte("meanwhile"))).Val(); n != 2 {
		t.Errorf("the new master has %d entries, want 2", n)
	}
}

// All entries of a table are on one node of a cluster.
func TestCluster(t *testing.T) {
	t.Parallel()
	var addresses []string
	var nodes []*server
	for range 3 {
		s := startRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", strings.TrimPrefix(programs.Address(t), "127.0.0.1:"))
		nodes, addresses = append(nodes, s), append(addresses, "127.0.0.1:"+s.port)
	}
	out, err := exec.Command(programs.Need(t, "redis-cli"), append(append([]string{"--cluster", "create"}, addresses...), "--cluster-yes")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, s := range nodes {
		programs.Until(t, "the cluster is complete", func() bool {
			return strings.Contains(s.client().ClusterInfo(context.Background()).Val(), "cluster_state:ok")
		})
	}
	for _, prefix := range []string{"a", "b", "c"} { // on different nodes
		agree(t, provisioned(t, Redis{Cluster: addresses[:1], Prefix: prefix, Timeout: caddy.Duration(5 * time.Second)}))
	}
}
