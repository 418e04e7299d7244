// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"crypto/tls"

	"github.com/caddy-passthrough/caddy-passthrough/modules/options"
)

// Prepare checks the options and reads their files, for those who connect to servers
// otherwise than to check them.
func (o *TLS) Prepare() error { return o.provision() }

// ClientConfig returns what crypto/tls wants for a connection on which serverName is sent. It
// must be given unless Verify is set. Prepare must have been called.
func (o *TLS) ClientConfig(serverName string) *tls.Config {
	config := o.config.Clone()
	config.ServerName = serverName
	return config
}

// Options are the words of a block.
func (o *TLS) Options() options.Table { return o.options() }
