const WEI_DIGITS = 18;

/** `0.25` → wei as text; text that is no amount stays as it is and fails the check that follows. */
export function parseEther(text: string): string {
  const [, whole = '', fraction = ''] = /^(\d*)\.?(\d{0,18})$/.exec(text.trim()) ?? [];
  return whole || fraction ? String(BigInt(`${whole}${fraction.padEnd(WEI_DIGITS, '0')}`)) : text;
}

/** Wei as text → ether as people write it, exactly. */
export function formatEther(wei: string): string {
  const digits = wei.padStart(WEI_DIGITS + 1, '0');
  const fraction = digits.slice(-WEI_DIGITS).replace(/0+$/, '');
  return `${digits.slice(0, -WEI_DIGITS)}${fraction ? `.${fraction}` : ''}`;
}
