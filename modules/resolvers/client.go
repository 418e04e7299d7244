// SPDX-License-Identifier: Apache-2.0

package resolvers

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/caddy-passthrough/caddy-passthrough/modules/dnsclient"
)

// Files of the system.
const (
	resolvConf = "/etc/resolv.conf"
	hostsFile  = "/etc/hosts"
)

// TLS verifies DNS servers that are asked over TLS (RFC 7858).
type TLS struct {
	// ServerName is the name in the certificate of each nameserver.
	ServerName string `json:"server_name"`

	// CA is a PEM file with the certificates of the authorities. Default: those of the system.
	CA string `json:"ca,omitempty"`
}

// client returns the client that asks the servers, and a text that differs if anything about it
// does.
func (r *Resolvers) client() (*dnsclient.Client, string, error) {
	c := &dnsclient.Client{
		Timeout: time.Duration(r.TimeoutRetry), Retries: r.Retries, PayloadSize: r.AcceptedPayloadSize, Search: r.Search, Hosts: hostsFile,
	}
	config, ca, err := r.TLS.config()
	if err != nil {
		return nil, "", err
	}
	for _, n := range r.Nameservers {
		s, err := n.server(config)
		if err != nil {
			return nil, "", err
		}
		c.Servers = append(c.Servers, s)
	}
	if r.ParseResolvConf {
		if err := addSystem(c, config); err != nil {
			return nil, "", err
		}
	}
	key, err := json.Marshal(r)
	for _, s := range c.Servers {
		key = append(append(key, ' '), s.Address...)
	}
	return c, fmt.Sprint(string(key), c.Search, c.Dots, string(ca)), err
}

// addSystem adds the servers and the search domains of the system.
func addSystem(c *dnsclient.Client, config *tls.Config) error {
	system, err := dns.ClientConfigFromFile(resolvConf)
	if err != nil {
		return fmt.Errorf("parse_resolv_conf: %w", err)
	}
	for _, host := range system.Servers {
		if _, err := netip.ParseAddr(host); err != nil {
			continue // HAProxy skips these, too
		}
		s := Nameserver{Address: net.JoinHostPort(host, system.Port)}
		if config != nil {
			s.Address = host
		}
		one, err := s.server(config)
		if err != nil {
			return fmt.Errorf("parse_resolv_conf: %w", err)
		}
		c.Servers = append(c.Servers, one)
	}
	if len(c.Servers) == 0 {
		return fmt.Errorf("parse_resolv_conf: %s has no nameserver: expected one", resolvConf)
	}
	if len(c.Search) == 0 {
		c.Search = system.Search
	}
	c.Dots = system.Ndots
	return nil
}

// server returns the server to ask. config is that of TLS; nil: none.
func (n *Nameserver) server(config *tls.Config) (*dnsclient.Server, error) {
	address, tcp := strings.CutPrefix(n.Address, "tcp/")
	port := uint16(53)
	if config != nil {
		port = 853
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		host, hostErr := netip.ParseAddr(strings.Trim(address, "[]"))
		at, err = netip.AddrPortFrom(host, port), hostErr
	}
	if err != nil || at.Port() == 0 || at.Addr().IsUnspecified() {
		return nil, fmt.Errorf("nameserver %q: expected an IP address, with a port if wanted, such as 10.0.0.53, 10.0.0.53:5353 or [2001:db8::53]:53", n.Address)
	}
	s := &dnsclient.Server{Name: n.Name, Address: at.String(), TCP: tcp, TLS: config}
	if s.Name == "" {
		s.Name = s.Address
	}
	return s, nil
}

// config returns the configuration of TLS and the content of the file of authorities; nil: no TLS.
func (t *TLS) config() (*tls.Config, []byte, error) {
	if t == nil {
		return nil, nil, nil
	}
	c := &tls.Config{ServerName: t.ServerName, MinVersion: tls.VersionTLS12}
	if t.CA == "" {
		return c, nil, nil
	}
	pem, err := os.ReadFile(t.CA)
	if err != nil {
		return nil, nil, fmt.Errorf("tls: ca: %w", err)
	}
	c.RootCAs = x509.NewCertPool()
	if !c.RootCAs.AppendCertsFromPEM(pem) {
		return nil, nil, fmt.Errorf("tls: ca %q: expected a PEM file with certificates", t.CA)
	}
	return c, pem, nil
}
