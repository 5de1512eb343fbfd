// The package has no types. What this library uses of it is described, and checked at start-up, in package.ts.
declare module 'node-zookeeper-client' {
  const exported: unknown;
  export default exported;
}
declare module 'node-zookeeper-client/lib/jute/index.js' {
  const exported: unknown;
  export default exported;
}
