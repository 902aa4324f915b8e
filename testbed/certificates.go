package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// frontProxyName is the name in the certificate with which the API server
// identifies itself to the aggregated APIs.
const frontProxyName = "front-proxy-client"

// validity is how long a cluster's certificates last. No cluster runs that long.
const validity = 30 * 24 * time.Hour

// adminUser is the user of RUN_DIR/kubeconfig, supervisorUser this program's own.
// They are two so that the audit log can leave out what the supervisor does.
const (
	adminUser      = "admin"
	supervisorUser = "testbed:supervisor"
)

// users are the names under which the admin and the components log in.
var users = []struct {
	key    string // names the kubeconfig
	name   string
	groups string
}{
	{"admin", adminUser, "system:masters"},
	{"supervisor", supervisorUser, "system:masters"},
	{nameControllerManager, "system:kube-controller-manager", ""},
	{nameScheduler, "system:kube-scheduler", ""},
	{nameKwok, "testbed:kwok", ""},
	{nameMetricsServer, "testbed:metrics-server", ""},
}

// pki is a cluster's own certificate authority with what it has issued.
type pki struct {
	dir    string
	key    *ecdsa.PrivateKey
	cert   *x509.Certificate
	caPEM  []byte
	tokens map[string]string // by key of users
}

// newPKI writes into dir a certificate authority, the serving certificate of all
// components, the front proxy's client certificate, the key that signs
// ServiceAccount tokens, and the list of the users' tokens.
func newPKI(dir string) (*pki, error) {
	p := &pki{dir: dir, tokens: map[string]string{}}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, fmt.Errorf("making the key of the certificate authority: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "testbed-ca"},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if p.cert, p.caPEM, err = p.issue("ca", template, p.key); err != nil {
		return nil, err
	}

	serving := &x509.Certificate{
		Subject:     pkix.Name{CommonName: "testbed"},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
			"metrics-server.kube-system.svc"},
	}
	frontProxy := &x509.Certificate{
		Subject:     pkix.Name{CommonName: frontProxyName},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for name, template := range map[string]*x509.Certificate{"serving": serving, "front-proxy": frontProxy} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("making the key of certificate %q: %w", name, err)
		}
		if _, _, err := p.issue(name, template, key); err != nil {
			return nil, err
		}
		if err := p.writeKey(name, key); err != nil {
			return nil, err
		}
	}

	serviceAccountKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("making the key that signs ServiceAccount tokens: %w", err)
	}
	if err := p.writeKey("service-account", serviceAccountKey); err != nil {
		return nil, err
	}

	var list strings.Builder
	for _, user := range users {
		random := make([]byte, 24)
		if _, err := rand.Read(random); err != nil {
			return nil, fmt.Errorf("making a token: %w", err)
		}
		p.tokens[user.key] = hex.EncodeToString(random)
		fmt.Fprintf(&list, "%s,%s,%s,%q\n", p.tokens[user.key], user.name, user.key, user.groups)
	}
	return p, writeFile(filepath.Join(dir, "tokens.csv"), []byte(list.String()))
}

// issue signs the certificate with the authority's key and writes it to NAME.crt.
// The authority itself, which is the first, is self-signed.
func (p *pki) issue(name string, template *x509.Certificate, key *ecdsa.PrivateKey) (*x509.Certificate, []byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, nil, fmt.Errorf("making a serial number: %w", err)
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Hour) // clocks may be set back a little
	template.NotAfter = template.NotBefore.Add(validity)
	parent := p.cert
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), p.key)
	if err != nil {
		return nil, nil, fmt.Errorf("signing certificate %q: %w", name, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("reading back certificate %q: %w", name, err)
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return cert, encoded, writeFile(filepath.Join(p.dir, name+".crt"), encoded)
}

func (p *pki) writeKey(name string, key crypto.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("encoding key %q: %w", name, err)
	}
	return writeFile(filepath.Join(p.dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// writeKubeconfig writes a self-contained kubeconfig with which the user logs in.
func (p *pki) writeKubeconfig(path, server, user, token string) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["testbed"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: p.caPEM}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["testbed"] = &clientcmdapi.Context{Cluster: "testbed", AuthInfo: user}
	config.CurrentContext = "testbed"
	content, err := clientcmd.Write(*config)
	if err != nil {
		return fmt.Errorf("encoding kubeconfig %s: %w", path, err)
	}
	return writeFile(path, content)
}

// writeFile writes a file that only its owner can read.
func writeFile(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("writing a file of the cluster (is the disk full?): %w", err)
	}
	return nil
}
