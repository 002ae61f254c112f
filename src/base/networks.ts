/** Lists of networks. An address is looked up by its value, not by its spelling. */
import { BlockList } from 'node:net';

/** @param networks such as `10.0.0.0/8`, all of one family */
export function blockList(family: 'ipv4' | 'ipv6', networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
