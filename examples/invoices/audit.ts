// Prints what the database says of each period: a line of JSON for each.
import { Invoices } from './database.js';

const invoices = new Invoices();
for (const period of invoices.periods()) console.log(JSON.stringify(period));
invoices.onModuleDestroy();
